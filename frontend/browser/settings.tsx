/* Settings of the view as lists to choose from. */

import type { ComponentChildren } from "preact";
import { useStore } from "./hooks";
import type { Store } from "./store";
import { BY, type View } from "./view";

const ORDERS: [string, string][] = [
  ["alike", "Clustered"],
  ["group", "Group"],
  ["name", "Name"],
  ["added", "As added"],
];

/* One setting of the view among several. */
export function Setting<K extends keyof View>(props: { title: string; of: K; names: [View[K] & string, string][]; more?: ComponentChildren }) {
  const store = useStore();
  return (
    <label class="setting">
      {props.title}
      <select
        class="select"
        name={props.of}
        value={store.view[props.of] as string}
        onChange={(event) => store.show({ [props.of]: (event.currentTarget as HTMLSelectElement).value })}
      >
        {props.names.map(([key, name]) => (
          <option value={key}>{name}</option>
        ))}
        {props.more}
      </select>
    </label>
  );
}

/* One order for all pictures; by a column of numbers it may be turned round. */
export function Order() {
  const store = useStore();
  const { order, way } = store.view;
  const isByColumn = order.startsWith(BY);
  return (
    <>
      <Setting title="Order" of="order" names={ORDERS} more={isByColumn && <option value={order}>{orderTitle(store)}</option>} />
      {order !== "alike" && (
        <button type="button" class="chip way" title="Turn the order round" onClick={() => store.show({ way: way === "up" ? "down" : "up" })}>
          {wayTitle(order, way)}
        </button>
      )}
    </>
  );
}

/* How an order begins, in words. */
function wayTitle(order: string, way: string): string {
  const [down, up] = order.startsWith(BY) ? ["Largest first", "Smallest first"] : order === "added" ? ["First added first", "Last added first"] : ["A to Z", "Z to A"];
  return way === "up" ? (up as string) : (down as string);
}

export function orderTitle(store: Store): string {
  const id = store.view.order.slice(BY.length);
  const column = store.models.value?.columns.find((one) => one.id === id);
  return column ? store.columnTitle(column) : id;
}
