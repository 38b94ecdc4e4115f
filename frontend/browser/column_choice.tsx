/* Which columns of single models stand beside the matrix: a kind of them, or chosen one by one. */

import { useState } from "preact/hooks";
import type { Column } from "./arrays";
import { chosenColumns, namedColumns } from "./drawn";
import { FAMILIES } from "./families";
import { useStore } from "./hooks";
import { Setting } from "./settings";
import type { Store } from "./store";
import { Named } from "./words";

/* A longer list is searched. */
const MANY = 10;

export function isChosenSingly(store: Store): boolean {
  return !FAMILIES.some(([key]) => key === store.view.columns);
}

/* Kinds of columns that this comparison has. */
export function Beside() {
  const store = useStore();
  const present = new Set((store.models.value?.columns ?? []).map((column) => store.familyOf(column)));
  const names = FAMILIES.filter(([key]) => ["", "all", "none"].includes(key) || present.has(key));
  return (
    <Setting
      title="Beside"
      of="columns"
      names={names}
      more={isChosenSingly(store) && <option value={store.view.columns}>Chosen one by one</option>}
    />
  );
}

/* Every column with a tick; ticking keeps those that stand there. */
export function ColumnTicks({ shown }: { shown?: Column[] }) {
  const store = useStore();
  const [wanted, want] = useState("");
  const all = store.models.value?.columns ?? [];
  if (!all.length) return null;
  const here = (shown ?? chosenColumns(store)).map((column) => column.id);
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = all.filter((column) => words.every((word) => store.columnTitle(column).toLowerCase().includes(word)));
  const toggled = (id: string): string => namedColumns(here.includes(id) ? here.filter((one) => one !== id) : [...here, id]);
  return (
    <details class="column-ticks">
      <summary>
        Columns ({here.length} of {all.length})
        {!here.length && store.view.columns === "" && ", no room for them here"}
      </summary>
      <div class="ticks">
      {all.length > MANY && (
        <input
          class="find"
          type="search"
          placeholder="Find a column"
          aria-label="Find a column"
          value={wanted}
          onInput={(event) => want((event.currentTarget as HTMLInputElement).value)}
        />
      )}
      <ul>
        {fitting.map((column) => (
          <li>
            <label class="switch">
              <input
                type="checkbox"
                checked={here.includes(column.id)}
                onChange={() => store.show({ columns: toggled(column.id) })}
              />
              <Named slug={column.slug}>{store.columnTitle(column)}</Named>
            </label>
          </li>
        ))}
      </ul>
      {fitting.length === 0 && <p class="quiet">No column fits.</p>}
      </div>
    </details>
  );
}
