"""A spectrum and its fit: Nyquist plot, Bode plot, residuals of the fit and of the Kramers-Kronig test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gbflux.lab.impedance.analyse import EisResult
from gbflux.report.figures import style


def draw_spectrum(path: Path, result: EisResult) -> Path:
    """Draw a fitted spectrum.

    Parameters
    ----------
    path : Path
        PNG file.
    result : EisResult

    Returns
    -------
    Path
    """
    figure = style.new_figure(9.0, 7.2)
    panels = figure.subplot_mosaic([["nyquist", "nyquist"], ["bode", "residual"]], height_ratios=[1.3, 1])
    _nyquist(panels["nyquist"], result)
    _bode(panels["bode"], result)
    _residuals(panels["residual"], result)
    figure.suptitle(f"{Path(result.fit.spectrum.source).name} · {result.fit.circuit.text}", fontsize=10.5)
    return style.save(figure, path, _caption(result))


def _dense(result: EisResult) -> tuple[np.ndarray, np.ndarray]:
    """The fitted circuit on many frequencies."""
    measured = result.fit.spectrum.frequency
    frequency = np.geomspace(measured.min(), measured.max(), 400)
    return frequency, result.fit.circuit.impedance(frequency, result.fit.values)


def _nyquist(axes, result: EisResult) -> None:
    """−Z'' against Z', both on one scale, and the tops of the arcs."""
    z = result.fit.spectrum.impedance
    frequency, fitted = _dense(result)
    axes.plot(z.real, -z.imag, "o", ms=4, mfc="white", mec=style.BOTTOM, label="measured")
    axes.plot(fitted.real, -fitted.imag, color=style.TOP, lw=1.4, label="fit")
    for arc in result.arcs:
        if not arc.present or not frequency[0] <= arc.frequency <= frequency[-1]:
            continue
        top = result.fit.circuit.impedance(np.array([arc.frequency]), result.fit.values)[0]
        axes.plot(top.real, -top.imag, "s", ms=5, color=style.INK)
        text = f"{arc.name}, {_hertz(arc.frequency)}" + (f", {arc.origin}?" if arc.origin else "")
        place = {"xytext": (0, -12), "va": "top"}
        if -top.imag < 0.15 * float(np.max(-z.imag)):  # no room below
            place = {"xytext": (45, 4), "va": "bottom", "arrowprops": {"arrowstyle": "-", "lw": 0.6}}
        axes.annotate(text, (top.real, -top.imag), textcoords="offset points", ha="left", fontsize=8, **place)
    axes.margins(0.08)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("Z' (Ω)")
    axes.set_ylabel("−Z'' (Ω)")
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    style.plot_frame(axes)


def _hertz(frequency: float) -> str:
    """A frequency with its prefix."""
    for factor, unit in ((1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz"), (1e-3, "mHz")):
        if frequency >= factor:
            return f"{frequency / factor:.3g} {unit}"
    return f"{frequency:.2g} Hz"


def _bode(axes, result: EisResult) -> None:
    """|Z| and phase against frequency."""
    spectrum = result.fit.spectrum
    frequency, fitted = _dense(result)
    axes.loglog(spectrum.frequency, np.abs(spectrum.impedance), "o", ms=3.5, mfc="white", mec=style.BOTTOM)
    axes.loglog(frequency, np.abs(fitted), color=style.BOTTOM, lw=1.2)
    axes.set_ylabel("|Z| (Ω)", color=style.BOTTOM)
    axes.set_xlabel("frequency (Hz)")
    style.plot_frame(axes)
    right = axes.twinx()
    right.semilogx(
        spectrum.frequency, -np.angle(spectrum.impedance, deg=True), "^", ms=3.5, mfc="white", mec=style.TOP
    )
    right.semilogx(frequency, -np.angle(fitted, deg=True), color=style.TOP, lw=1.2)
    right.set_ylabel("−phase (°)", color=style.TOP)
    right.tick_params(labelsize=8)
    right.spines["top"].set_visible(False)


def _residuals(axes, result: EisResult) -> None:
    """Residuals of fit and Kramers-Kronig test over |Z|."""
    frequency = result.fit.spectrum.frequency
    order = np.argsort(frequency)
    for values, colour, name in (
        (result.fit.residual, style.TOP, "fit"),
        (None if result.kk is None else result.kk.residual, style.BOTTOM, "Kramers-Kronig"),
    ):
        if values is None:
            continue
        ordered = 100 * values[order]
        axes.semilogx(
            frequency[order], ordered.real, "-", marker=".", ms=4, lw=0.7, color=colour, label=f"{name}, Z'"
        )
        axes.semilogx(
            frequency[order], ordered.imag, ":", marker=".", ms=4, lw=0.9, color=colour, label=f"{name}, Z''"
        )
    if result.kk is not None:
        limit = 100 * result.kk.limit
        axes.axhspan(-limit, limit, color=style.METAL, alpha=0.3, lw=0)
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel("residual (% of |Z|)")
    axes.legend(fontsize=7, frameon=False, ncols=2)
    style.plot_frame(axes)


def _caption(result: EisResult) -> str:
    """One line below: what was found."""
    parts = [f"residuals of the fit {result.fit.rms * 100:.2g} % rms"]
    if result.kk is not None:
        parts.append(
            f"Kramers-Kronig {'consistent' if result.kk.consistent else 'NOT consistent'} (grey band: limit)"
        )
    found = result.brick_layer
    if found is not None:
        low, value, high = (x / 100 for x in (found.sigma_gb.low, found.sigma_gb.value, found.sigma_gb.high))
        parts.append(f"σ_gb {value:.2g} S/cm ({low:.1g} to {high:.1g})")
    return " · ".join(parts)
