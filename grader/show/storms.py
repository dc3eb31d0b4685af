"""Pictures of retries: what a herd of clients sends after a common failure, and a service under those who try again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader.show import plots
from grader.show.picture import Picture

_DASHES = ("-", "--", "-.", ":")


def herd_picture(
    herds: Mapping[str, Sequence[int]], tick: float, takes: float, shown: float = 8.0
) -> Picture:
    """Calls in each tick, one panel a herd. takes: how many calls a tick are served; shown: seconds drawn."""
    figure, panels = plots.figure(9.0, 2.9, columns=len(herds), sharex=True, sharey=True)
    told = []
    for axes, (name, sent), ink in zip(panels, herds.items(), plots.INKS, strict=False):
        times = [n * tick for n in range(len(sent))]
        axes.bar(times, sent, width=tick * 0.9, align="edge", color=ink)
        axes.axhline(takes, color="black", lw=0.8, ls="--")
        axes.set(title=name, xlim=(0, shown), xlabel="seconds after the failure")
        axes.annotate(
            f"{sum(sent):,} calls, {len(sent) * tick:.1f} s",
            (0.97, 0.9),
            xycoords="axes fraction",
            ha="right",
        )
        told.append(f"{name}: {sum(sent)} calls until all are served, after {len(sent) * tick:.1f} seconds")
    panels[0].set_ylabel(f"calls in {tick:g} s (dashed: served)")
    return plots.plot(figure, "; ".join(told))


def storm_picture(
    storms: Mapping[str, tuple[Sequence[int], Sequence[int]]], trouble: tuple[float, float]
) -> Picture:
    """name -> (calls sent, calls answered in time) for each second. trouble: from and to, in seconds."""
    figure, (left, right) = plots.figure(9.0, 3.6, columns=2)
    for (name, (sent, answered)), ink, dash in zip(storms.items(), plots.INKS, _DASHES, strict=False):
        right.plot(answered, color=ink, ls=dash, lw=1.8, label=name)
        left.plot(sent, color=ink, ls=dash, lw=1.8, label=name)
    for axes in (left, right):
        axes.axvspan(*trouble, color="#f3d9d6", lw=0)
        axes.set(xlabel="seconds (shaded: the service is slow)", ylim=(0, None))
    left.set_title("sent, a second")
    right.set_title("answered in time, a second")
    # One line needs no legend beside it, only its name above both panels.
    if len(storms) > 1:
        left.legend(loc="center right")
    else:
        figure.suptitle(next(iter(storms), ""), fontsize=11)
    ends = [
        f"{name}: {sent[-1]} sent and {ok[-1]} answered in the last second"
        for name, (sent, ok) in storms.items()
    ]
    return plots.plot(figure, "; ".join(ends))
