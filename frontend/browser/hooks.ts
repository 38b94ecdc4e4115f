/* How components follow the store. */

import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Store } from "./store";

export const StoreContext = createContext<Store | null>(null);

/* The store; whoever calls this is drawn again when it changes. */
export function useStore(): Store {
  const store = useContext(StoreContext) as Store;
  const [, again] = useState(0);
  const { turn } = store;
  useEffect(() => {
    const follow = (): void => again((n) => n + 1);
    // What came between drawing and following would be missed.
    if (store.turn !== turn) follow();
    return store.subscribe(follow);
  }, [store]);
  return store;
}

export interface Size {
  width: number;
  height: number;
}

/* The size of an element, whenever it changes. */
export function useWidth<T extends HTMLElement>(): [{ current: T | null }, number] {
  const element = useRef<T | null>(null);
  const [width, set] = useState(0);
  useEffect(() => {
    if (!element.current) return undefined;
    const seen = new ResizeObserver(([entry]) => set(Math.floor(entry?.contentRect.width ?? 0)));
    seen.observe(element.current);
    return () => seen.disconnect();
  }, []);
  return [element, width];
}
