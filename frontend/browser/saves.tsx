/* The buttons that take pictures and tables away, ours and those of pages that the server draws. */

import { useState } from "preact/hooks";
import { get } from "./api";
import { saveAs } from "./figure";
import type { Store } from "./store";
import { fileOf, type Table, type TableFormat } from "./table_files";
import { FORMATS, savePicture, type FigureFormat } from "./take_away";
import { Trouble } from "./words";

const TABLES: [TableFormat, string][] = [
  ["csv", "CSV"],
  ["tex", "LaTeX"],
  ["parquet", "Parquet"],
];

/* A button that says so when its file could not be made. */
export function Saves({ names, save }: { names: [string, string][]; save: (format: string) => Promise<void> }) {
  const [error, fail] = useState("");
  const guarded = async (format: string): Promise<void> => {
    fail("");
    try {
      await save(format);
    } catch (problem) {
      fail(problem instanceof Error ? problem.message : String(problem));
    }
  };
  return (
    <>
      {names.map(([format, name]) => (
        <button class="chip" onClick={() => void guarded(format)}>
          {name}
        </button>
      ))}
      {error && <Trouble>{error}</Trouble>}
    </>
  );
}

export function SaveTable({ name, table, without }: { name: string; table: () => Table | null; without?: TableFormat }) {
  const save = async (format: string): Promise<void> => {
    const made = table();
    if (made) saveAs(`${name}.${format}`, await fileOf(made, format as TableFormat));
  };
  return <Saves names={TABLES.filter(([format]) => format !== without)} save={save} />;
}

export const FIGURES: [string, string][] = FORMATS.map((format) => [format, format.toUpperCase()]);

/* Beside a picture; what is done is done by ``followSaves``, as for pictures of the server. */
export function FigureVerbs() {
  return (
    <div class="figure-verbs" role="group" aria-label="Save this figure">
      {FIGURES.map(([format, name]) => (
        <button class="chip" data-save={format}>
          {name}
        </button>
      ))}
    </div>
  );
}

interface Effects {
  effects: Rows;
}

type Rows = Record<string, string | number | boolean | null>[];

/* The rows that a page of the server put beside its buttons, or the effects of a study. */
async function saveTable(button: HTMLElement): Promise<void> {
  const holder = button.closest<HTMLElement>("[data-rows]");
  const study = button.dataset.study;
  const rows = holder ? (JSON.parse(holder.dataset.rows as string) as Rows) : (await get<Effects>(`/studies/${study}/results`)).effects;
  const names = button.dataset.columns?.split(" ") ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isText = (name: string): boolean => rows.some((row) => typeof row[name] === "string");
  const plain = (value: Rows[number][string] | undefined): string | number | null => (typeof value === "boolean" ? Number(value) : (value ?? null));
  const table: Table = {
    about: { source: location.href, page: document.title, intervals: "95 %" },
    columns: names.map((name) => ({
      name,
      isText: isText(name),
      values: rows.map((row) => plain(row[name])),
      ...(/(^| )(low|high)$/.test(name) ? {} : { title: name.replaceAll("_", " ") }),
    })),
  };
  const format = button.dataset.table as TableFormat;
  saveAs(`${holder?.dataset.name ?? `study-${study}`}.${format}`, await fileOf(table, format));
}

/* Follow buttons that say by attributes what they save. */
export function followSaves(store: () => Store | null): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("[data-save], [data-table]") : null;
    if (!button) return;
    const holder = button.closest(".graph, .scatter, .with-minis");
    const work = button.dataset.table
      ? saveTable(button)
      : holder
        ? savePicture(holder, store(), button.dataset.save as FigureFormat)
        : Promise.resolve();
    button.disabled = true;
    button.removeAttribute("title");
    button.classList.remove("failed");
    work
      .catch((problem: unknown) => {
        button.title = problem instanceof Error ? problem.message : String(problem);
        button.classList.add("failed");
      })
      .finally(() => {
        button.disabled = false;
        button.focus({ preventScroll: true });
      });
  });
}
