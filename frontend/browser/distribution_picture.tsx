/* The share of checkpoints with at most so much of a number, a curve for each group. */

import { ALONE, groupColours } from "./colour";
import { setAside } from "./aside";
import { curvesOf, stepsOf, type Curve } from "./distribution";
import { useStore, useWidth } from "./hooks";
import { familiesOf } from "./kinship";
import { Groups } from "./matrix_tab";
import { Axes, EDGE, type Spans } from "./scatter";
import type { Quantity } from "./quantities";
import type { Column } from "./arrays";
import { FigureVerbs } from "./saves";

export function DistributionPicture({ of }: { of: Quantity }) {
  const store = useStore();
  const [room, width] = useWidth<HTMLDivElement>();
  const column = of.column as Column;
  const families = familiesOf((store.comparison?.checkpoints ?? []).map((id) => store.checkpoints.get(id)));
  const curves = curvesOf(column.values, store.groups, new Set(setAside(store)), families);
  if (!curves.length) return <p class="quiet">Fewer than two checkpoints have this number.</p>;
  const height = Math.max(380, Math.min(640, window.innerHeight - 300));
  const all = curves.flatMap((curve) => curve.values);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const edge = most > least ? 0.05 * (most - least) : 0.5;
  const spans: Spans = { x: [least - edge, most + edge], y: [0, 1] };
  const inner = { width: Math.max(80, width - EDGE.left - EDGE.right), height: height - EDGE.top - EDGE.bottom };
  const px = (v: number): number => EDGE.left + ((v - spans.x[0]) / (spans.x[1] - spans.x[0])) * inner.width;
  const py = (v: number): number => EDGE.top + inner.height * (1 - v);
  const colours = groupColours(store.groups);
  const line = (corners: [number, number][]): string => corners.map(([x, y]) => `${px(x)},${py(y)}`).join(" ");
  const ribbon = ({ values, band }: Curve): string =>
    line([...stepsOf(values, ...spans.x, band), ...stepsOf(values, ...spans.x, -band).reverse()]);
  const title = `Distribution of ${of.title}`;
  return (
    <>
      <div class="under-matrix">
        <Groups colours={new Map(curves.map((curve) => [curve.group, colours.get(curve.group) ?? ALONE]))} />
      </div>
      <div class="scatter" ref={room} style={{ height: `${height}px` }}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={title}>
            <Axes spans={spans} px={px} py={py} titles={[of.title, "share with at most this"]} size={{ width, height }} />
            {curves.map((curve) => (
              <g class="distribution" stroke={colours.get(curve.group) ?? ALONE} fill={colours.get(curve.group) ?? ALONE}>
                {curve.band > 0 && <polygon points={ribbon(curve)} />}
                <polyline points={line(stepsOf(curve.values, ...spans.x))}>
                  <title>{`${curve.group || "all"}: ${curve.values.length} checkpoints`}</title>
                </polyline>
              </g>
            ))}
          </svg>
        )}
        <FigureVerbs />
      </div>
      <p class="quiet">
        {curves.map((curve) => `${curve.group || "all"} (${sizeOf(curve)})`).join(", ")}.{" "}
        {curves.some((curve) => curve.band > 0)
          ? "Ribbons hold the whole curve with 95 % confidence (Dvoretzky, Kiefer, Wolfowitz), if the families are independent draws."
          : "Five independent checkpoints of a group are needed for a band."}
      </p>
    </>
  );
}

/* How many checkpoints a curve is of, and of how many families where some are related. */
function sizeOf(curve: Curve): string {
  const { length } = curve.values;
  return curve.families === length ? String(length) : `${length}, of ${curve.families} ${curve.families === 1 ? "family" : "families"}`;
}
