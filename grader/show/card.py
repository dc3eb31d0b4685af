"""The card a learner reads after each check, as HTML and as text; both are complete without colour.

Only tags and inline styles that JupyterLab's sanitizer lets through, so that the card looks the same in a notebook
that is not trusted yet, in nbgrader's feedback and on paper. No colour is set for running text: the theme's holds.
"""

from __future__ import annotations

from grader.show.evidence import evidence_html, evidence_text, folded, pre
from grader.show.svg import BAD, DOUBT, GOOD, QUIET, esc
from grader.show.words import SYMBOLS, clean, number, paragraph, wrap
from grader.verdict import Finding, Outcome, Status, Verdict

WIDTH = 92  # columns of the text card
_COLOURS = {Outcome.PASS: GOOD, Outcome.FAIL: BAD, Outcome.UNKNOWN: DOUBT, Outcome.SKIP: QUIET}
_UNJUDGED = {
    Status.NOT_ANSWERED: ("–", "NOT ANSWERED YET", QUIET, "This exercise is not answered yet."),
    Status.REJECTED: ("✗", "COULD NOT BE JUDGED", BAD, "The answer cannot be judged as it stands."),
    Status.INFRA: (
        "!",
        "OUR FAULT",
        DOUBT,
        "The grader could not do its work. This is no mark against your answer: run the check again.",
    ),
}
_OUTPUT_SHOWN = 4000  # characters of the answer's own output


def _headline(verdict: Verdict) -> tuple[str, str, str]:
    """Symbol, words and colour of the whole card."""
    if verdict.status is not Status.JUDGED:
        symbol, words, colour, _ = _UNJUDGED[verdict.status]
        return symbol, words, colour
    score = f"{number(verdict.points)} of {number(verdict.max_points)} points"
    if verdict.passed:
        return "✓", f"PASSED: {score}", GOOD
    outcomes = {f.outcome for f in verdict.findings}
    if Outcome.FAIL in outcomes or not outcomes:
        return "✗", f"NOT YET: {score}", BAD
    return "?", f"NOT SHOWN YET: {score}", DOUBT


def _sentence(verdict: Verdict) -> str:
    """What a card without findings says."""
    if verdict.message:
        return verdict.message
    return "" if verdict.status is Status.JUDGED else _UNJUDGED[verdict.status][3]


def _reasons(finding: Finding) -> list[tuple[str, str]]:
    """The labelled paragraphs of one finding."""
    if finding.outcome is Outcome.PASS:
        return []
    if finding.outcome is not Outcome.FAIL:
        return [("Why", finding.happened)] if finding.happened else []
    pairs = [
        ("Expected", finding.expected),
        ("Happened", finding.happened),
        ("Likely reason", finding.misconception),
    ]
    return [(label, text) for label, text in pairs if text]


def _tally(verdict: Verdict) -> str:
    """ "3 of 5 properties hold", where some do not."""
    held = sum(f.outcome is Outcome.PASS for f in verdict.findings)
    total = len(verdict.findings)
    return "" if verdict.passed or not total else f"{held} of {total} properties hold."


def _looked(verdict: Verdict) -> str:
    """The tally and what was covered, as sentences."""
    covered = verdict.coverage[:1].upper() + verdict.coverage[1:]
    return " ".join(x for x in (_tally(verdict), f"{covered}." if covered else "") if x)


def _circumstances(verdict: Verdict) -> str:
    """The recorded circumstances worth a line: a box other than the usual one, and the like."""
    return ", ".join(
        f"{key}: {value}" for key, value in verdict.notes.items() if isinstance(value, (str, int, float))
    )


def card_text(verdict: Verdict, width: int = WIDTH) -> str:
    """The whole card in plain text."""
    symbol, words, _ = _headline(verdict)
    out = [f"{clean(verdict.exercise)} ({clean(verdict.lab)})  {symbol} {words}", "=" * width]
    if sentence := _sentence(verdict):
        out.append(paragraph(sentence, width))
    if looked := _looked(verdict):
        out.append(paragraph(looked, width))
    for finding in verdict.findings:
        out += ["", *_finding_text(finding, width)]
    if verdict.output.strip():
        out += ["", "Your code printed:", paragraph(verdict.output[:_OUTPUT_SHOWN], width, "    ")]
    if circumstances := _circumstances(verdict):
        out += ["", paragraph(f"Recorded: {circumstances}", width)]
    return "\n".join(out)


def _finding_text(finding: Finding, width: int) -> list[str]:
    lead = f"{SYMBOLS[finding.outcome]} {finding.outcome:<9}"
    claim = wrap(finding.claim, width - len(lead))
    out = [lead + claim[0], *(" " * len(lead) + more for more in claim[1:])]
    for label, text in _reasons(finding):
        body = paragraph(text, width - 20).split("\n")
        out.append(f"    {label + ':':<16}{body[0]}")
        out += [" " * 20 + more for more in body[1:]]
    if finding.outcome in (Outcome.PASS, Outcome.SKIP):
        return out
    for exhibit in finding.evidence:
        shown = evidence_text(exhibit, width - 6).split("\n")
        out += ["", f"    {clean(exhibit.title)}", *(("      " + text).rstrip() for text in shown)]
    if finding.read:
        out += [*([""] if finding.evidence else []), f"    {'Read on:':<16}{_read_on(finding.read)}"]
    return out


def _read_on(read: str) -> str:
    """ "04-transactions#lost-updates" as words: lesson 04-transactions, "lost updates"."""
    read = clean(read)
    if "://" in read or "#" not in read:
        return read
    lesson, _, section = read.partition("#")
    return f"lesson {lesson}, “{section.replace('-', ' ')}”"


def card_html(verdict: Verdict) -> str:
    """The whole card as one self-contained HTML fragment: no script, no class, no external resource."""
    symbol, words, colour = _headline(verdict)
    head = (
        '<div style="display:flex; flex-wrap:wrap; align-items:center; gap:6px 12px; margin:0 0 4px 0">'
        f"{_pill(f'{symbol} {words}', colour)}"
        f'<span style="font-size:16px; font-weight:bold">{esc(verdict.exercise)}</span>'
        f'<span style="font-size:13px; opacity:0.8">{esc(verdict.lab)}</span></div>'
    )
    parts = [head]
    for sentence in (_sentence(verdict), _looked(verdict)):
        if sentence:
            parts.append(f'<div style="margin:4px 0; white-space:pre-wrap">{esc(sentence)}</div>')
    parts += [_finding_html(finding) for finding in verdict.findings]
    if verdict.output.strip():
        parts.append(folded("What your code printed", pre(verdict.output[:_OUTPUT_SHOWN])))
    if circumstances := _circumstances(verdict):
        parts.append(
            f'<div style="font-size:12px; opacity:0.8; margin:8px 0 0 0">Recorded: {esc(circumstances)}</div>'
        )
    return (
        f'<div style="box-sizing:border-box; max-width:920px; margin:4px 0; padding:12px 16px; '
        f"border:1px solid #9aa0a6; border-left:6px solid {colour}; border-radius:6px; "
        f'font-size:14px; line-height:1.45; text-align:left">{"".join(parts)}</div>'
    )


def _pill(words: str, colour: str) -> str:
    return (
        f'<span style="display:inline-block; padding:2px 9px; border-radius:4px; font-size:12.5px; font-weight:bold; '
        f'background-color:{colour}; color:#ffffff; white-space:nowrap">{esc(words)}</span>'
    )


def _finding_html(finding: Finding) -> str:
    claim = (
        '<div style="display:flex; gap:12px; align-items:baseline">'
        f'<div style="flex:0 0 118px">{_pill(f"{SYMBOLS[finding.outcome]} {finding.outcome}", _COLOURS[finding.outcome])}</div>'
        f'<div style="flex:1 1 0; min-width:0">{esc(finding.claim)}</div></div>'
    )
    body = [_paragraph(label, esc(text)) for label, text in _reasons(finding)]
    if finding.outcome not in (Outcome.PASS, Outcome.SKIP):
        body += [evidence_html(exhibit) for exhibit in finding.evidence]
        if finding.read:
            body.append(_paragraph("Read on", _link(finding.read)))
    detail = f'<div style="margin:6px 0 0 0">{"".join(body)}</div>' if body else ""
    return f'<div style="border-top:1px solid #9aa0a6; padding:8px 0; margin:6px 0 0 0">{claim}{detail}</div>'


def _paragraph(label: str, body: str) -> str:
    return (
        '<div style="display:flex; gap:12px; margin:3px 0"><div style="flex:0 0 118px; font-weight:bold">'
        f'{esc(label)}</div><div style="flex:1 1 0; min-width:0; white-space:pre-wrap; overflow-wrap:anywhere">'
        f"{body}</div></div>"
    )


def _link(read: str) -> str:
    if read.startswith("https://"):
        return f'<a href="{esc(read)}" target="_blank" rel="noopener" style="color:inherit; text-decoration:underline">{esc(read)}</a>'
    return esc(_read_on(read))
