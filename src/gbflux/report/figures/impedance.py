"""A spectrum and its fit: Nyquist plot, Bode plot, residuals of the fit and of the Kramers-Kronig test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gbflux.lab.impedance.analyse import EisResult
from gbflux.report.figures import style


def draw_spectrum(path: Path, result: EisResult) -> Path:
    """Draw a fitted spectrum."""
    figure = style.new_figure(9.0, 7.2)
    panels = figure.subplot_mosaic([["nyquist", "nyquist"], ["bode", "residual"]], height_ratios=[1.3, 1])
    measured = result.fit.spectrum.frequency
    frequency = np.geomspace(measured.min(), measured.max(), 400)
    fitted = result.fit.circuit.impedance(frequency, result.fit.values)
    _nyquist(panels["nyquist"], result, fitted)
    _bode(panels["bode"], result, frequency, fitted)
    _residuals(panels["residual"], result)
    figure.suptitle(f"{Path(result.fit.spectrum.source).name} · {result.fit.circuit.text}", fontsize=10.5)
    return style.save(figure, path, _caption(result))


def _nyquist(axes: Axes, result: EisResult, fitted: NDArray[np.complex128]) -> None:
    """−Z'' against Z', both on one scale, and the tops of the arcs."""
    z, measured = result.fit.spectrum.impedance, result.fit.spectrum.frequency
    axes.plot(z.real, -z.imag, "o", ms=4, mfc="white", mec=style.BOTTOM, label="measured")
    axes.plot(fitted.real, -fitted.imag, color=style.TOP, lw=1.4, label="fit")
    for arc in result.arcs:
        if not arc.present or not measured.min() <= arc.frequency <= measured.max():
            continue
        top = result.fit.circuit.impedance(np.array([arc.frequency]), result.fit.values)[0]
        axes.plot(top.real, -top.imag, "s", ms=5, color=style.INK)
        text = f"{arc.name}, {_hertz(arc.frequency)}" + (f", {arc.origin}?" if arc.origin else "")
        place: dict[str, Any] = {"xytext": (0, -12), "va": "top"}
        if -top.imag < 0.15 * float(np.max(-z.imag)):  # no room below
            place = {"xytext": (45, 4), "va": "bottom", "arrowprops": {"arrowstyle": "-", "lw": 0.6}}
        axes.annotate(text, (top.real, -top.imag), textcoords="offset points", ha="left", fontsize=8, **place)
    axes.margins(0.08)
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    style.plot_frame(axes, "Z' (Ω)", "−Z'' (Ω)")


def _hertz(frequency: float) -> str:
    """A frequency with its prefix."""
    for factor, unit in ((1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz"), (1e-3, "mHz")):
        if frequency >= factor:
            return f"{frequency / factor:.3g} {unit}"
    return f"{frequency:.2g} Hz"


def _bode(
    axes: Axes, result: EisResult, frequency: NDArray[np.float64], fitted: NDArray[np.complex128]
) -> None:
    """|Z| and phase against frequency."""
    measured, z = result.fit.spectrum.frequency, result.fit.spectrum.impedance
    axes.loglog(measured, np.abs(z), "o", ms=3.5, mfc="white", mec=style.BOTTOM)
    axes.loglog(frequency, np.abs(fitted), color=style.BOTTOM, lw=1.2)
    style.plot_frame(axes, "frequency (Hz)")
    axes.set_ylabel("|Z| (Ω)", color=style.BOTTOM)
    right = axes.twinx()
    right.semilogx(measured, -np.angle(z, deg=True), "^", ms=3.5, mfc="white", mec=style.TOP)
    right.semilogx(frequency, -np.angle(fitted, deg=True), color=style.TOP, lw=1.2)
    right.set_ylabel("−phase (°)", color=style.TOP)
    right.tick_params(labelsize=8)
    right.spines["top"].set_visible(False)


def _residuals(axes: Axes, result: EisResult) -> None:
    """Residuals of fit and Kramers-Kronig test over |Z|."""
    frequency = result.fit.spectrum.frequency
    order = np.argsort(frequency)
    for values, colour, name in (
        (result.fit.residual, style.TOP, "fit"),
        (None if result.kk is None else result.kk.residual, style.BOTTOM, "Kramers-Kronig"),
    ):
        if values is None:
            continue
        percent = 100 * values[order]
        for y, line, width, part in ((percent.real, "-", 0.7, "Z'"), (percent.imag, ":", 0.9, "Z''")):
            mark: dict[str, Any] = {"marker": ".", "ms": 4, "lw": width, "color": colour}
            axes.semilogx(frequency[order], y, line, label=f"{name}, {part}", **mark)
    if result.kk is not None:
        limit = 100 * result.kk.limit
        axes.axhspan(-limit, limit, color=style.METAL, alpha=0.3, lw=0)
    axes.legend(fontsize=7, frameon=False, ncols=2)
    style.plot_frame(axes, "frequency (Hz)", "residual (% of |Z|)")


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
