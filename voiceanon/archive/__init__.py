"""A store of recordings, anonymized by a job that may run for days, be killed, and go on."""
