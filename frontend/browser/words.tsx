/* Small pieces: links of this page, names with their cards, numbers with intervals. */

import type { ComponentChildren } from "preact";
import { useStore } from "./hooks";
import { number } from "./numbers";
import type { Cell, PairDifference } from "./types";
import type { View } from "./view";

/* A link to another view of this page; without a trip to the server, and with an address of its own. */
export function ViewLink(props: {
  to: Partial<View>;
  className?: string;
  title?: string;
  current?: boolean;
  children: ComponentChildren;
}) {
  const store = useStore();
  const go = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    store.show(props.to);
  };
  return (
    <a
      href={store.href(props.to)}
      class={props.className}
      title={props.title}
      aria-current={props.current ? "true" : undefined}
      onClick={go}
    >
      {props.children}
    </a>
  );
}

/* The name of a measure; pointing at it shows its card. */
export function Named({ slug, children }: { slug: string; children: ComponentChildren }) {
  // What was given has no card.
  return slug ? <span data-card={slug}>{children}</span> : <span>{children}</span>;
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <span class="fact-name">{name}</span>
      <span class="fact-value">{children}</span>
    </div>
  );
}

export function Interval({ low, high, title }: { low: number; high: number; title?: string }) {
  return (
    <span class="interval" title={title}>
      {" "}
      {number(low)} – {number(high)}
    </span>
  );
}

export function EstimateOf({ cell }: { cell: Cell }) {
  if (cell.kind === "reason") return <span class="quiet">{cell.sentence}</span>;
  const exact = `95 % interval ${cell.low} to ${cell.high}; ${cell.method}; N = ${cell.n}`;
  return (
    <span>
      <span class="number" title={String(cell.value)}>
        {number(cell.value)}
      </span>
      {cell.low !== null && cell.high !== null && <Interval low={cell.low} high={cell.high} title={exact} />}
      {cell.monte_carlo_error ? (
        <span class="interval" title="standard error over random draws">
          {" "}
          draws ±{number(cell.monte_carlo_error)}
        </span>
      ) : null}
      {cell.warning && (
        <span class="warning-mark" title={cell.warning} aria-label={`Note: ${cell.warning}`}>
          {" "}
          !
        </span>
      )}
    </span>
  );
}

/* Differences below it are rounding, and shown as 0. */
const ROUNDING = 1e-12;

export function DifferenceOf({ gap }: { gap: PairDifference }) {
  const value = Math.abs(gap.value) > ROUNDING ? gap.value : 0;
  const sign = value > 0 ? "+" : "";
  const { low, high } = gap;
  if (low === null || high === null) {
    return (
      <div class="gap interval" title={gap.method}>
        Δ {sign}
        {number(value)}
      </div>
    );
  }
  return (
    <div class={low > 0 || high < 0 ? "gap interval differs" : "gap interval"} title={`95 % interval, ${gap.method}`}>
      Δ {sign}
      {number(value)} ({number(low)} to {number(high)})
    </div>
  );
}

export function Trouble({ children }: { children: ComponentChildren }) {
  return (
    <div class="trouble notice" role="status">
      {children}
    </div>
  );
}
