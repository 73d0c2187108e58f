"""Show outcomes: one column for each, as Markdown."""

from collections.abc import Callable, Mapping, Sequence

from chaos.run import Outcome
from chaos.verdict import percentile

_ROWS: Mapping[str, Callable[[Outcome], object]] = {
    "accepted (of them uploads)": lambda o: f"{o.verdict.accepted} ({o.verdict.uploads})",
    "**lost**": lambda o: _mark(o.verdict.lost),
    "**uploaded twice**": lambda o: _mark(o.verdict.uploaded_twice),
    "**shown as success, not at the platform**": lambda o: _mark(o.verdict.false_success),
    "**shown as failure, at the platform**": lambda o: _mark(o.verdict.false_failure),
    "**overtaken by a newer upload of the app**": lambda o: _mark(o.verdict.overtaken),
    "**a repeated request got another release**": lambda o: _mark(o.verdict.changed),
    "processes alive 5 s after their worker's death": lambda o: o.left_behind,
    "succeeded / failed / canceled": lambda o: " / ".join(
        str(o.verdict.states.get(state, 0)) for state in ("succeeded", "failed", "canceled")
    ),
    "why failed": lambda o: _listed(o.verdict.failures),
    "handed back, done by a later attempt": lambda o: o.verdict.handed_back,
    "unknown for a while": lambda o: o.verdict.unknown,
    "… its worker came back and told": lambda o: o.verdict.came_back,
    "… a person decided: arrived / not": lambda o: (
        f"{o.verdict.decided_arrived} / {o.verdict.decided_missing}"
    ),
    "previews made twice (harmless)": lambda o: o.verdict.previews_twice,
    "request → first stage, p50 / p99, s": lambda o: _seconds(o.verdict.to_first_stage),
    "request → end, p50 / p99, s": lambda o: _seconds(o.verdict.to_end),
    "harm done": lambda o: _listed(o.faults),
    "tracebacks in the workers' logs": lambda o: o.internal_errors,
    "seed": lambda o: o.task.seed,
    "took, s": lambda o: f"{o.seconds:.0f}",
}


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes side by side."""
    head = ["", *(outcome.shape for outcome in outcomes)]
    lines = [head, ["---"] * len(head)]
    lines += [[name, *(str(cell(one)) for one in outcomes)] for name, cell in _ROWS.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mark(keys: Sequence[str]) -> str:
    return f"{len(keys)}: {', '.join(keys[:8])}" if keys else "0"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "-"


def _seconds(values: Sequence[int]) -> str:
    return " / ".join(f"{percentile(values, share) / 1000:.2f}" for share in (0.5, 0.99))
