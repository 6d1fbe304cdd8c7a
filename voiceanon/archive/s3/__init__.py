"""Buckets of S3 as the place that recordings come from and that outputs go to."""
