/* Where a picture is of two checkpoints and none are chosen: two lists to choose from. */

import { useStore } from "./hooks";

/* Tabs that show two checkpoints. */
export const OF_TWO = ["pair", "layers"];

export function PairPicker() {
  const store = useStore();
  const { a, b } = store.view;
  const all = [...store.checkpoints.values()];
  const list = (label: string, value: number, choose: (id: number) => void) => (
    <label class="setting wide">
      {label}
      <select
        class="select"
        value={value || ""}
        onChange={(event) => choose(Number((event.currentTarget as HTMLSelectElement).value))}
      >
        <option value="">Choose a checkpoint</option>
        {all.map((one) => (
          <option value={one.id}>{one.name}</option>
        ))}
      </select>
    </label>
  );
  return (
    <div class="empty">
      <h2>Choose a pair</h2>
      <p class="quiet">Select a cell of the matrix, or choose two checkpoints here.</p>
      {list("First", a, (id) => store.show({ a: id, b }))}
      {list("Second", b, (id) => store.show({ a, b: id }))}
    </div>
  );
}
