/* The right side of a selected block: who is in it, how alike they are, and whether that is more than chance. */

import { get, queryOf } from "./api";
import type { Matrix } from "./arrays";
import { useStore } from "./hooks";
import { number } from "./numbers";
import type { Store } from "./store";
import type { BlockAnswer, GroupMean } from "./types";
import { blockFrom, blockText, type Block } from "./view";
import { Fact, Interval, Trouble, ViewLink } from "./words";

/* Longer lists are folded. */
const MANY = 8;

/* The smallest window that holds a block, in the order that is shown. */
export function zoomOf(store: Store, matrix: Matrix, block: Block): string {
  const places = store.order(matrix);
  const span = (ids: number[]): string => {
    const at = ids.map((id) => places.indexOf(matrix.header.ids.indexOf(id))).filter((place) => place >= 0);
    return `${Math.min(...at)}-${Math.max(...at) + 1}`;
  };
  return `${span(block.rows)},${span(block.columns)}`;
}

export function BlockPanel() {
  const store = useStore();
  const block = blockFrom(store.view.block);
  const measure = store.measure;
  if (!block || !measure) return null;
  const isWithin = same(block.rows, block.columns);
  const title = isWithin
    ? `${block.rows.length} checkpoints`
    : `${block.rows.length} × ${block.columns.length} checkpoints`;
  const matrix = store.matrixOf(measure, store.layerOf(measure)).value;
  const rest = (store.comparison?.checkpoints ?? []).filter((id) => !block.rows.includes(id) && !block.columns.includes(id));
  return (
    <div class="block-panel">
      <div class="selected-head">
        <h2>{title}</h2>
        <ViewLink className="close" to={{ block: "" }} title="Clear the selection">
          ×
        </ViewLink>
      </div>
      <div class="chips">
        {matrix && (
          <ViewLink className="chip" to={{ zoom: zoomOf(store, matrix, block) }}>
            Enlarge
          </ViewLink>
        )}
        {rest.length > 0 && (
          <ViewLink className="chip" to={{ aside: rest.join(","), block: "" }} title="Set all others aside">
            Only these
          </ViewLink>
        )}
        {!isWithin && (
          <>
            <ViewLink className="chip" to={{ block: blockText({ rows: block.rows, columns: block.rows }) }}>
              Rows among themselves
            </ViewLink>
            <ViewLink className="chip" to={{ block: blockText({ rows: block.columns, columns: block.columns }) }}>
              Columns among themselves
            </ViewLink>
          </>
        )}
      </div>
      {!store.place.isOffline && <Numbers block={block} />}
      <Names title={isWithin ? "Checkpoints" : "Rows"} ids={block.rows} />
      {!isWithin && <Names title="Columns" ids={block.columns} />}
    </div>
  );
}

function same(a: number[], b: number[]): boolean {
  return a.length === b.length && [...a].sort().join() === [...b].sort().join();
}

function Names({ title, ids }: { title: string; ids: number[] }) {
  const store = useStore();
  const list = (
    <ul class="names">
      {ids.map((id) => (
        <li>
          <ViewLink to={{ a: id, b: 0, block: "" }}>{store.checkpoints.get(id)?.name ?? String(id)}</ViewLink>
        </li>
      ))}
    </ul>
  );
  return ids.length > MANY ? (
    <details>
      <summary>
        {title} ({ids.length})
      </summary>
      {list}
    </details>
  ) : (
    <>
      <h2>{title}</h2>
      {list}
    </>
  );
}

function Numbers({ block }: { block: Block }) {
  const store = useStore();
  const measure = store.measure;
  if (!measure) return null;
  const parts = {
    measure: measure.key,
    layer: store.layerOf(measure),
    rows: block.rows.join(","),
    columns: block.columns.join(","),
  };
  const path = `${store.path}/block${queryOf(parts)}`;
  const { value, error } = store.part(path, () => get<BlockAnswer>(path));
  const title = store.cards.get(measure.slug)?.title ?? measure.slug;
  if (error) return <Trouble>{error}</Trouble>;
  if (!value) return <div class="skeleton side-skeleton" aria-busy="true" />;
  const { test } = value;
  return (
    <>
      <h2>{title}</h2>
      {value.mean && <Mean name={value.kind === "within" ? "Within" : "Between rows and columns"} of={value.mean} isOne={value.kind === "within"} />}
      {value.others && <Mean name="With all others" of={value.others} />}
      {test && (
        <>
          <Fact name="Difference">
            <span class="number">{number(test.difference)}</span>
            {test.low !== null && test.high !== null && <Interval low={test.low} high={test.high} title={test.method} />}
          </Fact>
          <Fact name="Permutation test">
            <span title={test.method}>
              p = {number(test.p)} of {test.splits.toLocaleString("en")} splits; it could not be below {number(test.smallest_p)}
            </span>
          </Fact>
        </>
      )}
      {value.sentence && <p class="quiet block-caution">{value.sentence}</p>}
    </>
  );
}

function Mean({ name, of, isOne }: { name: string; of: GroupMean; isOne?: boolean }) {
  const families = isOne ? `${of.roots_a} families` : `${of.roots_a} × ${of.roots_b} families`;
  return (
    <Fact name={name}>
      {of.value === null ? (
        <span class="quiet">{of.sentence}</span>
      ) : (
        <>
          <span class="number">{number(of.value)}</span>
          {of.low !== null && of.high !== null && (
            <Interval low={of.low} high={of.high} title="95 % interval over other models: bootstrap of families" />
          )}
          <span class="quiet"> {families}</span>
        </>
      )}
    </Fact>
  );
}
