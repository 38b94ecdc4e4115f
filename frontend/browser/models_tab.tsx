/* Measures of single models as a table: names stay, columns sort, rows filter; only what is in sight is in the page. */

import type { ComponentChildren } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import type { Column, ModelTable } from "./arrays";
import { groupColours } from "./colour";
import { ColumnTicks, isChosenSingly } from "./column_choice";
import { fittingColumns } from "./drawn";
import { FAMILIES } from "./families";
import { useStore } from "./hooks";
import { meanOf, rowsOf, ticked, ticking } from "./model_rows";
import { number } from "./numbers";
import { SaveTable } from "./saves";
import type { Store } from "./store";
import type { Table as FileTable } from "./table_files";
import { aboutFile } from "./take_away";
import { BY, numbersOf } from "./view";
import { Named, Trouble, ViewLink } from "./words";

const ROW = 30;
/* Rows above and below what is in sight, so that scrolling shows no gaps. */
const SPARE = 10;

export function ModelsTab() {
  const store = useStore();
  const { value: table, error } = store.models;
  if (!store.hasNumbers) {
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

function Table({ table }: { table: ModelTable }) {
  const store = useStore();
  const { view } = store;
  const [top, scroll] = useState(0);
  const room = useRef<HTMLDivElement>(null);
  const columns = ["", "none", "all"].includes(view.columns) ? table.columns : fittingColumns(store);
  const { entries, models, trouble } = useMemo(
    () => rowsOf(store, table),
    [table, view.find, view.order, view.way, view.aside, store.checkpoints],
  );
  const hasIntervals = view.intervals === "shown";
  const height = Math.max(300, window.innerHeight - 320);
  const tall = hasIntervals ? ROW + 12 : ROW;
  const first = Math.max(0, Math.floor(top / tall) - SPARE);
  const last = Math.min(entries.length, Math.ceil((top + height) / tall) + SPARE);
  const colours = groupColours(store.groups);
  const chosen = new Set(ticked(store));
  const here = models.map((i) => table.ids[i] as number);
  const areAll = here.length > 0 && here.every((id) => chosen.has(id));
  const tickAll = (): void => {
    const others = [...chosen].filter((id) => !here.includes(id));
    store.show(ticking(store, areAll ? others : [...others, ...here]));
  };
  return (
    <div class="picture full">
      <TableBar table={table} rows={models} columns={columns} />
      {trouble && <Trouble>{trouble}</Trouble>}
      <div class="table-verbs">
        <ColumnTicks shown={columns} />
        <Ticked ids={[...chosen]} shown={here} />
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
        <table aria-rowcount={entries.length + 1}>
          <thead>
            <tr>
              <SortHead id="name" name="Checkpoint">
                <input type="checkbox" aria-label="Select all shown" checked={areAll} onChange={tickAll} />
              </SortHead>
              {columns.map((column) => (
                <SortHead key={column.id} id={BY + column.id} slug={column.slug} name={store.columnTitle(column)} />
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 && <tr style={{ height: `${first * tall}px` }} aria-hidden="true" />}
            {entries.slice(first, last).map((entry, k) =>
              "model" in entry ? (
                <Row
                  key={table.ids[entry.model]}
                  table={table}
                  columns={columns}
                  i={entry.model}
                  at={first + k}
                  colour={colours.get(store.groups[entry.model] ?? "") ?? ""}
                  tall={tall}
                  chosen={chosen}
                />
              ) : (
                <GroupRow key={`group ${entry.group}`} entry={entry} columns={columns} at={first + k} tall={tall} ids={table.ids} chosen={chosen} />
              ),
            )}
            {last < entries.length && <tr style={{ height: `${(entries.length - last) * tall}px` }} aria-hidden="true" />}
          </tbody>
        </table>
      </div>
      {entries.length === 0 && !trouble && <p class="quiet">No checkpoint fits this filter.</p>}
    </div>
  );
}

/* What is shown of the table, and taking it away. */
function TableBar({ table, rows, columns }: { table: ModelTable; rows: number[]; columns: Column[] }) {
  const store = useStore();
  const { view } = store;
  const families = FAMILIES.filter(
    ([key]) => key === "all" || table.columns.some((column) => store.familyOf(column) === key),
  );
  const kind = ["", "none"].includes(view.columns) ? "all" : view.columns;
  return (
      <div class="bar">
        <h2>Each model</h2>
        <input
          class="find"
          type="search"
          placeholder="Filter: sam group:sam accuracy>0.9"
          title="Words are looked for in names, groups and tags; group:sam is the whole value, group~sa a part of it, accuracy>0.9 compares"
          aria-label="Filter checkpoints"
          value={view.find}
          maxLength={300}
          onInput={(event) => store.show({ find: (event.currentTarget as HTMLInputElement).value }, "replace")}
        />
        <div class="chips">
          {families.map(([key, name]) => (
            <ViewLink className={kind === key ? "chip here" : "chip"} current={kind === key} to={{ columns: key }}>
              {name}
            </ViewLink>
          ))}
          {isChosenSingly(store) && <span class="chip here">Chosen one by one</span>}
        </div>
        <label class="switch">
          <input
            type="checkbox"
            checked={view.intervals === "shown"}
            onChange={() => store.show({ intervals: view.intervals === "shown" ? "hidden" : "shown" })}
          />{" "}
          95 % intervals
        </label>
        <label class="switch">
          <input type="checkbox" checked={view.order === "group"} onChange={() => store.show({ order: view.order === "group" ? "name" : "group" })} /> Under
          their groups
        </label>
        {store.place.mayExport && (
          <SaveTable name={`comparison-${store.place.comparison}-models`} table={() => fileTable(store, table, rows, columns)} />
        )}
        <span class="quiet">
          {rows.length} of {table.ids.length}
        </span>
      </div>
  );
}

/* What can be done with the ticked rows; they are the selected block of the matrix as well. */
function Ticked({ ids, shown }: { ids: number[]; shown: number[] }) {
  const store = useStore();
  const all = store.comparison?.checkpoints ?? [];
  const aside = all.filter((id) => !ids.includes(id));
  const hidden = ids.filter((id) => !shown.includes(id)).length;
  return (
    <div class="bar ticked">
      <span class="quiet" aria-live="polite">
        {ids.length ? `${ids.length} selected${hidden ? `, ${hidden} not shown` : ""}` : "Tick rows to compare them, or to light them in the matrix."}
      </span>
      {ids.length > 1 && !store.place.isShared && !store.place.isOffline && (
        <a class="chip" href={`/projects/${store.comparison?.project}/compare?like=${store.comparison?.id}&checkpoints=${ids.join(",")}`}>
          Compare these
        </a>
      )}
      {ids.length > 1 && (
        <ViewLink className="chip" to={{ tab: "matrix" }}>
          Show in the matrix
        </ViewLink>
      )}
      {ids.length > 0 && aside.length > 0 && (
        <ViewLink className="chip" to={{ aside: aside.join(","), block: "" }} title="Set all others aside">
          Only these
        </ViewLink>
      )}
      {ids.length > 0 && aside.length > 0 && (
        <ViewLink className="chip" to={{ aside: [...new Set([...numbersOf(store.view.aside), ...ids])].join(","), block: "" }}>
          Set these aside
        </ViewLink>
      )}
      {store.view.aside && (
        <ViewLink className="chip here" to={{ aside: "" }} title="Show them again">
          {numbersOf(store.view.aside).length} set aside ×
        </ViewLink>
      )}
      {ids.length > 0 && (
        <ViewLink className="chip" to={{ block: "" }}>
          Clear
        </ViewLink>
      )}
    </div>
  );
}

function SortHead(props: { id: string; name: string; slug?: string; children?: ComponentChildren }) {
  const store = useStore();
  const isHere = store.view.order === props.id;
  const isUp = store.view.way === "up";
  // Names begin with A, numbers with the largest.
  const isAscending = isUp !== (props.id === "name");
  return (
    <th scope="col" aria-sort={isHere ? (isAscending ? "ascending" : "descending") : "none"}>
      {props.children}
      <button onClick={() => store.show(store.orderedBy(props.id))} title={`Order by ${props.name}`}>
        {props.slug ? <Named slug={props.slug}>{props.name}</Named> : props.name}
        {isHere && <span aria-hidden="true">{isAscending ? " ↑" : " ↓"}</span>}
      </button>
    </th>
  );
}

/* Toggle one or several checkpoints among those that are ticked. */
function toggle(store: Store, ids: number[], chosen: Set<number>): void {
  const areAll = ids.every((id) => chosen.has(id));
  store.show(ticking(store, areAll ? [...chosen].filter((id) => !ids.includes(id)) : [...chosen, ...ids]));
}

function GroupRow(props: {
  entry: { group: string; models: number[] };
  columns: Column[];
  at: number;
  tall: number;
  ids: number[];
  chosen: Set<number>;
}) {
  const store = useStore();
  const { group, models } = props.entry;
  const ids = models.map((i) => props.ids[i] as number);
  return (
    <tr class="group-row" style={{ height: `${props.tall}px` }} aria-rowindex={props.at + 2}>
      <th scope="row">
        <input
          type="checkbox"
          aria-label={`Select ${group || "those without a group"}`}
          checked={ids.every((id) => props.chosen.has(id))}
          onChange={() => toggle(store, ids, props.chosen)}
        />
        {group || "no group"} <span class="quiet">({models.length})</span>
      </th>
      {props.columns.map((column) => {
        const { mean, n } = meanOf(column, models);
        // The mean of one is the row below.
        if (models.length < 2) return <td />;
        return (
          <td title={n ? `Mean of ${n}; its interval stands under Groups` : "No number"}>
            {number(mean)}
            {n > 0 && <small>mean of {n}</small>}
          </td>
        );
      })}
    </tr>
  );
}

function Row(props: { table: ModelTable; columns: Column[]; i: number; at: number; colour: string; tall: number; chosen: Set<number> }) {
  const store = useStore();
  const { table, i } = props;
  const id = table.ids[i] as number;
  const isHere = store.view.a === id || store.view.b === id;
  const isTicked = props.chosen.has(id);
  return (
    <tr class={isHere || isTicked ? "here" : ""} style={{ height: `${props.tall}px` }} aria-rowindex={props.at + 2}>
      <th scope="row">
        <input
          type="checkbox"
          aria-label={`Select ${table.labels[i]}`}
          checked={isTicked}
          onChange={() => toggle(store, [id], props.chosen)}
        />
        <i class="swatch" style={{ background: props.colour }} title={store.groups[i] || "no group"} />
        <ViewLink to={isHere ? { a: 0, b: 0 } : { a: id, b: 0, block: "" }}>{table.labels[i]}</ViewLink>
      </th>
      {props.columns.map((column) => {
        const value = column.values[i] as number;
        const [low, high] = [column.low[i] as number, column.high[i] as number];
        return (
          <td title={column.reasons.get(i)?.sentence ?? String(value)}>
            {number(value)}
            {store.view.intervals === "shown" && !Number.isNaN(low) && (
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
