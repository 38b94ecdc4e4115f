/* The colour scale of a matrix: a histogram of its values, drawn from the same stops as the cells. */

import { css, type Scale } from "./colour";
import { number, rankOf } from "./numbers";
import type { Band, Card } from "./types";

const WIDTH = 360;
const TALL = 28;
const EDGE = 28;
const BARS = 40;

export function Legend({ scale, card, band }: { scale: Scale; card: Card; band: Band | null }) {
  const inner = WIDTH - 2 * EDGE;
  const step = (scale.high - scale.low) / BARS;
  const x = (value: number): number => EDGE + (inner * (value - scale.low)) / (scale.high - scale.low);
  const bars = Array.from({ length: BARS }, (_, k) => {
    const [low, high] = [scale.low + k * step, scale.low + (k + 1) * step];
    const from = k === 0 ? rankOf(scale.sorted, low - step * 1e-6)[0] : rankOf(scale.sorted, low)[0];
    const to = k === BARS - 1 ? rankOf(scale.sorted, high + step * 1e-6)[1] : rankOf(scale.sorted, high)[0];
    return { middle: (low + high) / 2, count: to - from };
  });
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const isAlikeHigh = card.direction.startsWith("higher");
  const ticks = [scale.low, (scale.low + scale.high) / 2, scale.high];
  const beyond = [
    { count: scale.below, at: EDGE - 5, text: "◂" },
    { count: scale.above, at: WIDTH - EDGE + 5, text: "▸" },
  ];
  const told = scale.isSigned
    ? "dark blue above 0, brown below"
    : `dark is ${card.direction.includes("better") || card.direction.includes("flatter") ? "better" : "alike"}: ${isAlikeHigh ? "high" : "low"} values`;
  return (
    <figure class="legend" aria-label={`Colours from ${number(scale.low)} to ${number(scale.high)}; ${told}`}>
      <svg viewBox={`0 0 ${WIDTH} ${TALL + 30}`} width={WIDTH} height={TALL + 30} role="img" aria-hidden="true">
        {bars.map((bar, k) => (
          <rect
            x={EDGE + (inner * k) / BARS}
            width={inner / BARS + 0.3}
            y={TALL - (bar.count ? Math.max(1, (bar.count / most) * TALL) : 0)}
            height={bar.count ? Math.max(1, (bar.count / most) * TALL) : 0}
            fill={css(scale.colour(bar.middle))}
          >
            <title>{`${bar.count} cells near ${number(bar.middle)}`}</title>
          </rect>
        ))}
        {bars.map((bar, k) => (
          <rect x={EDGE + (inner * k) / BARS} width={inner / BARS + 0.5} y={TALL + 2} height={8} fill={css(scale.colour(bar.middle))} />
        ))}
        {band && (
          <rect x={x(band.low)} width={Math.max(2, x(band.high) - x(band.low))} y={TALL + 11} height={3} class="legend-band">
            <title>{`pairs of independent seeds of ${band.group || "no group"}`}</title>
          </rect>
        )}
        {ticks.map((tick, k) => (
          <text x={x(tick)} y={TALL + 26} text-anchor={k === 0 ? "start" : k === 2 ? "end" : "middle"} class="legend-tick">
            {number(tick)}
          </text>
        ))}
        {beyond
          .filter((one) => one.count > 0)
          .map((one) => (
            <text x={one.at} y={TALL + 10} text-anchor="middle" class="legend-tick">
              <title>{`${one.count} values lie beyond this end and have its colour, with a corner mark`}</title>
              {one.text}
            </text>
          ))}
      </svg>
      <figcaption class="quiet">
        {told}
        {scale.below + scale.above > 0 && `; ${scale.below + scale.above} values beyond the ends ◂ ▸`}
      </figcaption>
    </figure>
  );
}
