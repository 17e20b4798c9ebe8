"""The figures, and the table that they are printed as."""

from dataclasses import dataclass

from benchmarks.load import Measured


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """What everything is compared with."""

    signatures: float
    """RS256 signatures per second of one core."""
    signature_cpu: float
    """Processor time of one, in microseconds."""
    bare: float
    """Requests per second to the bare route, one worker."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request under load."""

    name: str
    workers: int
    measured: Measured
    cpu: float
    """Processor time of the workers for one request, in microseconds."""

    def columns(self, yardsticks: Yardsticks) -> list[str]:
        """Return the row as it is printed."""
        rate = self.measured.rate
        wrong = self.measured.refused + self.measured.broken
        return [
            self.name + (f" ({wrong} FAILED)" if wrong else ""),
            str(self.workers),
            f"{rate:,.0f}",
            f"{self.measured.p50:.1f}",
            f"{self.measured.p99:.1f}",
            f"{rate / yardsticks.signatures:.2f}",
            f"{rate / yardsticks.bare:.2f}",
            f"{self.cpu:.0f}",
            f"{yardsticks.signature_cpu / self.cpu:.2f}",
        ]


HEADINGS = [
    "request",
    "workers",
    "req/s",
    "p50 ms",
    "p99 ms",
    "÷ signing",
    "÷ bare",
    "CPU µs/req",
    "sign ÷ CPU",
]


def table(headings: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, aligned so that it also reads as plain text."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]

    def line(row: list[str]) -> str:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(headings), rule, *map(line, rows)])
