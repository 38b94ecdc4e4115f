/* The tab of one matrix: what it is, the picture, its scale, and where its numbers come from. */

import { useMemo } from "preact/hooks";
import { ALONE, COLUMN } from "./colour";
import { Clusters } from "./cut";
import { chosenColumns, drawnOf, fittingColumns, seedsOf } from "./drawn";
import { useStore } from "./hooks";
import { Legend } from "./legend";
import { meaningOf, missingOf } from "./marks";
import { MatrixTable } from "./matrix_table";
import { MatrixView } from "./matrix";
import type { Matrix } from "./arrays";
import { number } from "./numbers";
import { outliers } from "./order";
import { provenance } from "./provenance";
import { GROUP, type Strip } from "./strips";
import { spreadOf, type Drawn } from "./painting";
import type { AskedMeasure, Band, Card } from "./types";
import { Named, Trouble, ViewLink } from "./words";

export function MatrixTab() {
  const store = useStore();
  const measure = store.measure;
  if (!measure) return <NoPairs />;
  const layer = store.layerOf(measure);
  const part = store.matrixOf(measure, layer);
  const card = store.card(measure);
  return (
    <div class="picture">
      {part.value ? (
        <Picture asked={measure} matrix={part.value} card={card} />
      ) : (
        <>
          <Top asked={measure} card={card} />
          {part.error ? <Trouble>{part.error}</Trouble> : <div class="skeleton matrix-skeleton" aria-busy="true" />}
        </>
      )}
    </div>
  );
}

/* What the picture is of, which colour is which group, and the scale. */
export function Top({ asked, card, drawn, band }: { asked: AskedMeasure; card: Card; drawn?: Drawn; band?: Band | null }) {
  return (
    <div class="picture-top">
      <div class="picture-words">
        <h2>
          <Named slug={asked.slug}>{card.title}</Named>
        </h2>
        <p class="quiet">{card.summary}</p>
        {drawn && <Strips strips={drawn.strips} />}
      </div>
      {drawn && <Legend scale={drawn.scale} card={card} band={band ?? null} />}
    </div>
  );
}

function NoPairs() {
  return (
    <div class="empty">
      <h2>No measures of pairs</h2>
      <p class="quiet">This comparison asked about single models only: they stand under Models.</p>
    </div>
  );
}

function Picture({ asked, matrix, card }: { asked: AskedMeasure; matrix: Matrix; card: Card }) {
  const store = useStore();
  const { view } = store;
  const columns = chosenColumns(store);
  const drawn = useMemo(
    () => drawnOf(store, asked, matrix, columns),
    [matrix, seedsOf(store, asked, matrix).value, columns.map((c) => c.id).join(), columns[0], view.order, view.way, view.scale, view.sure, view.aside, view.zoom, view.cut, view.strips, store.checkpoints, store.scheme],
  );
  const seeds = seedsOf(store, asked, matrix);
  const isRunning = store.comparison?.progress.state === "running";
  const missing = useMemo(() => missingOf(matrix, drawn.order, isRunning), [matrix, drawn, isRunning]);
  const left = ["", "none"].includes(view.columns) ? 0 : fittingColumns(store).length - columns.length;
  const isBeside = view.columns !== "none" && store.hasNumbers;
  return (
    <>
      <Top asked={asked} card={card} drawn={drawn} band={matrix.header.band} />
      <MatrixView drawn={drawn} title={card.title} />
      <div class="under-matrix">
        <div class="zooms">
          {view.zoom ? (
            <ViewLink className="chip" to={{ zoom: "" }}>
              Whole matrix
            </ViewLink>
          ) : (
            <span class="quiet">Drag over cells to select a block; Ctrl and the wheel zoom. {isBeside ? "A column's name orders by it." : ""}</span>
          )}
          {left > 0 && (
            <span class="quiet">
              {columns.length} of {columns.length + left} columns stand beside; <ViewLink to={{ tab: "models" }}>all of them as a table</ViewLink>
            </span>
          )}
          <Outliers matrix={matrix} card={card} />
        </div>
        <Clusters matrix={matrix} clusters={drawn.clusters} strip={drawn.strips.find((one) => one.title === "cluster")} />
      </div>
      <p class="quiet provenance">{provenance(store, matrix, asked)}</p>
      {matrix.header.warnings.slice(0, 2).map((warning) => (
        <Trouble>{warning}</Trouble>
      ))}
      {view.sure === "seeds" && <Seeds band={drawn.seeds} error={seeds.error} isRaw={matrix.header.reading === "raw"} />}
      {(view.sure === "width" || view.sure === "fade") && (
        <p class="quiet marks">
          {view.sure === "width" ? "Below the diagonal: the width of the 95 % interval, " : "Faded by the width of the 95 % interval, "}
          from 0 (<i class="swatch" style={{ background: COLUMN[0] }} /> or full colour) to {number(spreadOf(drawn.scale))} and more (
          <i class="swatch" style={{ background: COLUMN[COLUMN.length - 1] }} /> or gone): as wide as the values within the fence.
        </p>
      )}
      {missing.length > 0 && <p class="quiet marks">{missing.join("; ")}</p>}
      <Marks />
      <MatrixTable drawn={drawn} title={card.title} />
    </>
  );
}

/* What the dots mean, or why there are none. */
function Seeds({ band, error, isRaw }: { band: Band | null; error: string; isRaw: boolean }) {
  if (!isRaw) return <p class="quiet marks">Dots stand on raw values: choose those under Values.</p>;
  if (error) return <p class="quiet marks">No dots: {error}</p>;
  if (!band) return null;
  return (
    <p class="quiet marks">
      A dot: its 95 % interval meets {number(band.low)} to {number(band.high)}, where pairs of {band.roots} independent networks of{" "}
      {band.group || "no group"} lie ({band.pairs} pairs), so the pair cannot be told from two seeds.
    </p>
  );
}

/* What the marks beside names mean. */
export function Marks() {
  const store = useStore();
  const told = meaningOf(store.checkpoints.values());
  return told.length ? <p class="quiet marks">{told.join("; ")}</p> : null;
}

/* Which colour is what, strip by strip. */
function Strips({ strips }: { strips: Strip[] }) {
  return (
    <>
      {strips
        .filter((strip) => strip.title !== "cluster")
        .map((strip) => (
          <Groups colours={strip.colours} title={strip.title === GROUP ? "" : strip.title} />
        ))}
    </>
  );
}

/* Which colour is which group, or which value of a tag. */
export function Groups({ colours, title = "" }: { colours: Map<string, string>; title?: string }) {
  if (colours.size < 2) return null;
  const nothing = title ? `no ${title}` : "no group";
  const alone = [...colours].filter(([, colour]) => colour === ALONE).map(([name]) => name || nothing);
  return (
    <div class="groups-legend" aria-label={title || "Groups"}>
      {title && <span class="quiet">{title}</span>}
      {[...colours]
        .filter(([, colour]) => colour !== ALONE)
        .map(([name, colour]) => (
          <span class="group-name">
            <i style={{ background: colour }} />
            {name || nothing}
          </span>
        ))}
      {alone.length > 0 && (
        <span class="group-name quiet" title={alone.join(", ")}>
          <i style={{ background: ALONE }} />
          {alone.length === 1 ? alone[0] : `${alone.length} ${title ? "values" : "groups"} of one`}
        </span>
      )}
    </div>
  );
}

/* Models that are far from nearly all others take the contrast from the rest: one click sets them aside. */
export function Outliers({ matrix, card }: { matrix: Matrix; card: Card }) {
  const store = useStore();
  const { view, comparison } = store;
  const far = useMemo(() => {
    const sign = card.direction.startsWith("higher") ? -1 : 1;
    return outliers(matrix, (v) => (card.direction.startsWith("nearer") ? Math.abs(v) : sign * v));
  }, [matrix, card.direction]);
  const ids = comparison?.checkpoints ?? [];
  if (view.aside) {
    const count = matrix.rows - store.order(matrix).length;
    return (
      <ViewLink className="chip here" to={{ aside: "" }} title="Show them again">
        {count} set aside ×
      </ViewLink>
    );
  }
  if (!far.length || matrix.rows - far.length < 2) return null;
  const names = far.map((i) => matrix.header.labels[i]).join(", ");
  return (
    <ViewLink className="chip" to={{ aside: far.map((i) => ids[i]).join(",") }} title={names}>
      Set aside {far.length === 1 ? names : `${far.length} far from all others`}
    </ViewLink>
  );
}
