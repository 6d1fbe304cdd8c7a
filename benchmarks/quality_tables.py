"""Prints what quality.py measured as one table a measure, the worst attacker last."""

from __future__ import annotations

from typing import Any


def _rows(lines: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in [lines[0], ["-" * width for width in widths], *lines[1:]]
    )


def _range(value: list[float], digits: int = 1) -> str:
    return f"{value[0]:.{digits}f} ({value[1]:.{digits}f}..{value[2]:.{digits}f})"


def _words(results: list[dict[str, Any]]) -> str:
    lines = [["variant", "WER %", "WER - raw", "CER %", "CER - raw", "utterances", "took s"]]
    for entry in results:
        found = entry["words"]
        figures = [_range(found[n]) for n in ("wer", "wer_minus_raw", "cer", "cer_minus_raw")]
        took = f"{found['took_s']:.0f}"
        lines.append([entry["variant"], *figures, str(found["utterances"]), took])
    return _rows(lines)


def _mos(results: list[dict[str, Any]]) -> str:
    names = ["dnsmos_overall", "dnsmos_signal", "dnsmos_background", "distillmos"]
    lines = [["variant", *names, "utterances", "took s"]]
    for entry in results:
        found = entry["mos"]
        figures = [_range(found[name], 2) for name in names]
        took = f"{found['took_s']:.0f}"
        lines.append([entry["variant"], *figures, str(found["utterances"]), took])
    return _rows(lines)


def _privacy(results: list[dict[str, Any]]) -> str:
    poolings = list(results[0]["privacy"]["poolings"])
    families = ["ignorant", "lazy", "semi", "statistics", "joined"]
    lines = [["variant", "attacker", *(f"{p} all/same" for p in poolings), "rank-1 all-1"]]
    for entry in results:
        found = entry["privacy"]["poolings"]
        for family in families:
            cells = [
                f"{found[p]['all'][family]['eer'][0]:.1f}/{found[p]['same'][family]['eer'][0]:.1f}"
                for p in poolings
            ]
            rank = found["all-1"]["all"][family].get("rank1")
            lines.append([entry["variant"], family, *cells, "" if rank is None else f"{rank:.2f}"])
    worst = [["variant", "worst EER %", "attacker", "pooling", "gender", "took s"]]
    for entry in results:
        w = entry["privacy"]["worst"]
        who = f"{w['family']} {w['attacker']}"
        took = f"{entry['privacy']['took_s']:.0f}"
        worst.append([entry["variant"], _range(w["eer"]), who, w["pooling"], w["gender"], took])
    first = results[0]["privacy"]
    base = (
        f"EER %, higher is better for privacy; {first['speakers']} speakers, "
        f"{first['utterances']} utterances, attackers trained on {first['training_speakers']} "
        f"other speakers ({first['training_recordings']} recordings) of the same variant"
    )
    return f"{base}\n{_rows(lines)}\n\n{_rows(worst)}"


def report(results: list[dict[str, Any]]) -> str:
    """Return the tables of all measures that the results hold, as Markdown."""
    parts = [f"set: {results[0]['set']}"]
    for measure, table in (("words", _words), ("mos", _mos), ("privacy", _privacy)):
        if measure in results[0]:
            parts.append(table(results))
    return "\n\n".join(parts)
