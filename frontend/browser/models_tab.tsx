/* Measures of single models as a table: names stay, columns sort, rows filter; only what is in sight is in the page. */

import { useMemo, useRef, useState } from "preact/hooks";
import type { Column, ModelTable } from "./arrays";
import { groupColours } from "./colour";
import { FAMILIES } from "./families";
import { saveAs } from "./figure";
import { useStore } from "./hooks";
import { inTex, number } from "./numbers";
import type { Store } from "./store";
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
          <button class="button small" onClick={() => save(store, table, rows, columns)}>
            CSV
          </button>
        )}
        {store.place.mayExport && (
          <button class="button small" onClick={() => saveAs(`comparison-${store.place.comparison}-models.tex`, latex(store, table, rows, columns))}>
            LaTeX
          </button>
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

/* The table as it stands for a paper: values with their intervals below, as the package booktabs draws them. */
function latex(store: Store, table: ModelTable, rows: number[], columns: Column[]): Blob {
  const body = rows.map((i) => [
    inTex(table.labels[i] as string),
    ...columns.map((c) => {
      const [value, low, high] = [c.values[i], c.low[i], c.high[i]] as [number, number, number];
      if (Number.isNaN(value)) return "--";
      return Number.isNaN(low) ? number(value) : `${number(value)} {\\scriptsize [${number(low)}, ${number(high)}]}`;
    }),
  ]);
  const head = ["checkpoint", ...columns.map((c) => inTex(store.columnTitle(c)))];
  const lines = [
    `% ${inTex(location.href)}; 95 % intervals; results ${table.version}`,
    `\\begin{tabular}{l${"r".repeat(columns.length)}}`,
    "\\toprule",
    `${head.join(" & ")} \\\\`,
    "\\midrule",
    ...body.map((line) => `${line.join(" & ")} \\\\`),
    "\\bottomrule",
    "\\end{tabular}",
  ];
  return new Blob([lines.join("\n") + "\n"], { type: "text/x-tex" });
}

/* The table as it stands, with intervals; text that a spreadsheet would run is made harmless. */
function save(store: Store, table: ModelTable, rows: number[], columns: Column[]): void {
  const harmless = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `\'${text}` : text);
  const quoted = (text: string): string => `"${harmless(text).replaceAll('"', '""')}"`;
  const plain = (v: number): string => (Number.isNaN(v) ? "" : String(v));
  const head = ["checkpoint", "group", ...columns.flatMap((c) => [c.id, `${c.id} low`, `${c.id} high`])].map(quoted);
  const lines = rows.map((i) => [
    quoted(table.labels[i] as string),
    quoted(store.groups[i] ?? ""),
    ...columns.flatMap((c) => [c.values[i], c.low[i], c.high[i]].map((v) => plain(v as number))),
  ]);
  const text = [head, ...lines].map((line) => line.join(",")).join("\r\n");
  saveAs(`comparison-${store.place.comparison}-models.csv`, new Blob([text], { type: "text/csv" }));
}
