/* Every measure as a small matrix, all in one order. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Matrix } from "./arrays";
import { scaleFor, lookOf } from "./drawn";
import { useStore } from "./hooks";
import { cellColour, type Drawn } from "./painting";
import { rgb } from "./colour";
import type { AskedMeasure } from "./types";
import { FigureVerbs } from "./saves";
import { blockRuns } from "./block_runs";
import { windowOf, type Window } from "./view";
import { Named, ViewLink } from "./words";

/* A block that lies in more parts is seen well enough by these. */
const MOST_FRAMES = 40;

export function Multiples({ most }: { most?: number }) {
  const store = useStore();
  const first = store.measure;
  if (!first) return <p class="quiet">This comparison asked about single models only.</p>;
  const shown = store.matrixOf(first, store.layerOf(first)).value;
  const order = store.order(shown);
  const tiles = store.pairwise.slice(0, most).flatMap((asked) => {
    const layers = store.layersOf(asked);
    return (layers.length ? layers : [null]).map((layer) => ({ asked, layer }));
  });
  return (
    <div class="with-minis">
      {!most && <FigureVerbs />}
      <p class="quiet">
        All in the order of {store.card(first).title}. Dark means alike; each has its own fixed scale. Choose one to
        enlarge it.
      </p>
      <div class="minis">
        {tiles.map(({ asked, layer }) => (
          <Miniature key={`${asked.key}@${layer}`} asked={asked} layer={layer} order={order} />
        ))}
      </div>
    </div>
  );
}

function Miniature({ asked, layer, order }: { asked: AskedMeasure; layer: string | null; order: number[] }) {
  const store = useStore();
  const [isSeen, see] = useState(false);
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!holder.current) return undefined;
    const seen = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && see(true), {
      rootMargin: "300px",
    });
    seen.observe(holder.current);
    return () => seen.disconnect();
  }, []);
  const part = isSeen ? store.matrixOf(asked, layer) : { value: null, error: "" };
  return (
    <div ref={holder}>
      <ViewLink className="mini-link" to={{ tab: "matrix", measure: asked.key, layer: layer ?? "" }}>
        <div class="mini">
          {part.value ? <Thumb asked={asked} matrix={part.value} order={order} /> : <div class="skeleton" />}
          {part.value && <Lit ids={part.value.header.ids} order={order} />}
          {part.error && <span class="quiet mini-trouble">{part.error}</span>}
        </div>
        <span class="mini-title">
          <Named slug={asked.slug}>{store.titleOf(asked)}</Named>
        </span>
        <span class="quiet mini-layer">{layer ?? ""}</span>
      </ViewLink>
    </div>
  );
}

/* The selected checkpoint, pair or block, framed where it stands in every small matrix. */
function Lit({ ids, order }: { ids: number[]; order: number[] }) {
  const { a, b, block } = useStore().view;
  const place = (id: number): number => order.indexOf(ids.indexOf(id));
  const whole: [number, number] = [0, order.length];
  const frames: Window[] = blockRuns(block, ids, order, { rows: whole, columns: whole });
  const [first, second] = [a ? place(a) : -1, b ? place(b) : -1];
  const one = (at: number): [number, number] => [at, at + 1];
  if (first >= 0 && second >= 0) {
    frames.push({ rows: one(first), columns: one(second) }, { rows: one(second), columns: one(first) });
  } else if (first >= 0) frames.push({ rows: one(first), columns: whole }, { rows: whole, columns: one(first) });
  const share = (v: number): string => `${(100 * v) / order.length}%`;
  return (
    <>
      {frames.slice(0, MOST_FRAMES).map(({ rows, columns }) => (
        <i
          class="lit"
          style={{ top: share(rows[0]), left: share(columns[0]), height: share(rows[1] - rows[0]), width: share(columns[1] - columns[0]) }}
        />
      ))}
    </>
  );
}

function Thumb({ asked, matrix, order }: { asked: AskedMeasure; matrix: Matrix; order: number[] }) {
  const store = useStore();
  const canvas = useRef<HTMLCanvasElement>(null);
  const look = lookOf(store);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !canvas.current) return;
    const count = order.length;
    canvas.current.width = canvas.current.height = count;
    const scale = scaleFor(matrix, store.card(asked), store.view.scale, order);
    const drawn = { matrix, scale, order, window: windowOf("", count), sure: "", look } as Drawn;
    const image = new ImageData(count, count);
    const blank = rgb(look.blank);
    for (let i = 0, p = 0; i < count; i++) {
      for (let j = 0; j < count; j++, p += 4) {
        image.data.set(cellColour(drawn, i, j, blank), p);
        image.data[p + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    canvas.current.dataset.drawn = `${matrix.header.measure} ${store.view.order} ${matrix.header.version}`;
  }, [matrix, order.join(), store.view.scale, store.view.reading, look]);
  return <canvas ref={canvas} class="thumb" role="img" aria-label={store.titleOf(asked)} />;
}
