/* Measures of single models as a table: names stay, columns sort, rows filter; only what is in sight is in the page. */

import { useMemo, useRef, useState } from "preact/hooks";
import type { Column, ModelTable } from "./arrays";
import { groupColours } from "./colour";
import { FAMILIES } from "./families";
import { useStore } from "./hooks";
import { number } from "./numbers";
import { SaveTable } from "./saves";
import type { Store } from "./store";
import type { Table as FileTable } from "./table_files";
import { aboutFile } from "./take_away";
import { BY } from "./view";
import { Named, Trouble, ViewLink } from "./words";

const ROW = 30;
/* Rows above and below what is in sight, so that scrolling shows no gaps. */
const SPARE = 10;

export function ModelsTab() {
  const store = useStore();
  const { value: table, error } = store.models;
  if (!store.single.length) {
    return (
      <div class="empty">
        <h2>No measures of single models</h2>
        <p class="quiet">This comparison asked about pairs only.</p>
      </div>
    );
  }
  if (error) return <Trouble>{error}</Trouble>;
  if (!table) return <div class="skeleton matrix-skeleton" aria-busy="true" />;
  return <Table table={table} />;
}

function columnsShown(store: Store, table: ModelTable): Column[] {
  const wanted = store.view.columns;
  if (["", "all", "none"].includes(wanted)) return table.columns;
  return table.columns.filter((column) => store.cards.get(column.slug)?.family === wanted);
}

/* Rows in the order of the view, those whose name, group or tags have all the words. */
function rowsShown(store: Store, table: ModelTable, wanted: string): number[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const order = store.order(null);
  return order.filter((i) => {
    const one = store.checkpoints.get(table.ids[i] as number);
    const tags = Object.entries(one?.tags ?? {}).map(([k, v]) => `${k}=${v}`);
    const text = [one?.name, one?.group, ...tags].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function Table({ table }: { table: ModelTable }) {
  const store = useStore();
  const [wanted, want] = useState("");
  const [hasIntervals, show] = useState(true);
  const [isUp, turn] = useState(false);
  const [top, scroll] = useState(0);
  const room = useRef<HTMLDivElement>(null);
  const columns = columnsShown(store, table);
  const rows = useMemo(() => {
    const found = rowsShown(store, table, wanted);
    return isUp ? found.reverse() : found;
  }, [table, wanted, isUp, store.view.order, store.view.aside]);
  const height = Math.max(300, window.innerHeight - 290);
  const tall = hasIntervals ? ROW + 12 : ROW;
  const first = Math.max(0, Math.floor(top / tall) - SPARE);
  const last = Math.min(rows.length, Math.ceil((top + height) / tall) + SPARE);
  const colours = groupColours(store.groups);
  const sortBy = (id: string): void => {
    if (store.view.order === id) turn(!isUp);
    else {
      turn(false);
      store.show({ order: id });
    }
  };
  const families = FAMILIES.filter(
    ([key]) => key === "all" || table.columns.some((column) => store.cards.get(column.slug)?.family === key),
  );
  return (
    <div class="picture full">
      <div class="bar">
        <h2>Each model</h2>
        <input
          class="find"
          type="search"
          placeholder="Filter by name, group or tag"
          aria-label="Filter by name, group or tag"
          value={wanted}
          onInput={(event) => want((event.currentTarget as HTMLInputElement).value)}
        />
        <div class="chips">
          {families.map(([key, name]) => {
            const isHere = (["", "none"].includes(store.view.columns) ? "all" : store.view.columns) === key;
            return (
              <ViewLink className={isHere ? "chip here" : "chip"} current={isHere} to={{ columns: key }}>
                {name}
              </ViewLink>
            );
          })}
        </div>
        <label class="switch">
          <input type="checkbox" checked={hasIntervals} onChange={() => show(!hasIntervals)} /> 95 % intervals
        </label>
        {store.place.mayExport && (
          <SaveTable name={`comparison-${store.place.comparison}-models`} table={() => fileTable(store, table, rows, columns)} />
        )}
        <span class="quiet">
          {rows.length} of {table.ids.length}
        </span>
      </div>
      <div
        class="model-table"
        ref={room}
        tabIndex={0}
        role="region"
        aria-label="Measures of single models"
        style={{ maxHeight: `${height}px` }}
        onScroll={() => scroll(room.current?.scrollTop ?? 0)}
      >
        <table aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              <SortHead id="name" name="Checkpoint" isUp={isUp} onSort={sortBy} />
              {columns.map((column) => (
                <SortHead id={BY + column.id} slug={column.slug} name={store.columnTitle(column)} isUp={isUp} onSort={sortBy} />
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 && <tr style={{ height: `${first * tall}px` }} aria-hidden="true" />}
            {rows.slice(first, last).map((i, k) => (
              <Row
                key={table.ids[i]}
                table={table}
                columns={columns}
                i={i}
                at={first + k}
                colour={colours.get(store.groups[i] ?? "") ?? ""}
                tall={tall}
                hasIntervals={hasIntervals}
              />
            ))}
            {last < rows.length && <tr style={{ height: `${(rows.length - last) * tall}px` }} aria-hidden="true" />}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && <p class="quiet">No checkpoint fits this filter.</p>}
    </div>
  );
}

function SortHead(props: { id: string; name: string; slug?: string; isUp: boolean; onSort: (id: string) => void }) {
  const store = useStore();
  const isHere = store.view.order === props.id;
  return (
    <th scope="col" aria-sort={isHere ? (props.isUp ? "ascending" : "descending") : "none"}>
      <button onClick={() => props.onSort(props.id)} title={`Order by ${props.name}`}>
        {props.slug ? <Named slug={props.slug}>{props.name}</Named> : props.name}
        {isHere && <span aria-hidden="true">{props.isUp ? " ↑" : " ↓"}</span>}
      </button>
    </th>
  );
}

function Row(props: {
  table: ModelTable;
  columns: Column[];
  i: number;
  at: number;
  colour: string;
  tall: number;
  hasIntervals: boolean;
}) {
  const store = useStore();
  const { table, i } = props;
  const id = table.ids[i] as number;
  const isHere = store.view.a === id || store.view.b === id;
  return (
    <tr class={isHere ? "here" : ""} style={{ height: `${props.tall}px` }} aria-rowindex={props.at + 2}>
      <th scope="row">
        <i class="swatch" style={{ background: props.colour }} title={store.groups[i] || "no group"} />
        <ViewLink to={isHere ? { a: 0, b: 0 } : { a: id, b: 0 }}>{table.labels[i]}</ViewLink>
      </th>
      {props.columns.map((column) => {
        const value = column.values[i] as number;
        const [low, high] = [column.low[i] as number, column.high[i] as number];
        return (
          <td title={column.reasons.get(i)?.sentence ?? String(value)}>
            {number(value)}
            {props.hasIntervals && !Number.isNaN(low) && (
              <small>
                {number(low)} – {number(high)}
              </small>
            )}
          </td>
        );
      })}
    </tr>
  );
}

/* The table as it stands, with intervals. */
function fileTable(store: Store, table: ModelTable, rows: number[], columns: Column[]): FileTable {
  const some = <T,>(values: ArrayLike<T>): T[] => rows.map((i) => values[i] as T);
  return {
    about: aboutFile(store),
    columns: [
      { name: "checkpoint", title: "checkpoint", isText: true, values: some(table.labels) },
      { name: "group", isText: true, values: rows.map((i) => store.groups[i] ?? "") },
      ...columns.flatMap((c) => [
        { name: c.id, title: store.columnTitle(c), isText: false, values: some(c.values) },
        { name: `${c.id} low`, isText: false, values: some(c.low) },
        { name: `${c.id} high`, isText: false, values: some(c.high) },
      ]),
    ],
  };
}
