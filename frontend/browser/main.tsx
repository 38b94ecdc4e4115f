/* Puts the comparison on its page when the page is there, and takes it away when it goes. */

import { createPortal } from "preact/compat";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { askEarly } from "./api";
import { Choices } from "./choices";
import { Head, Tabs } from "./head";
import { StoreContext, useStore } from "./hooks";
import { actionsOf, actionsOfPage } from "./actions";
import { KeySheet, Palette, press, pressAnywhere } from "./keys";
import { MapTab } from "./map";
import { MatrixTab } from "./matrix_tab";
import { ModelsTab } from "./models_tab";
import { ScatterTab } from "./scatter_tab";
import { Multiples } from "./multiples";
import { followParent } from "./embedded";
import { OF_TWO, PairPicker } from "./pair_picker";
import { followSaves } from "./saves";
import { Selected } from "./selected";
import { ShareDialog } from "./share";
import type { Place } from "./place";
import { Store } from "./store";
import { Summary } from "./summary";
import { query } from "./view";

declare global {
  interface Window {
    dash_clientside?: { set_props?: (id: string, props: Record<string, unknown>) => void };
    dash_component_api?: { getLayout?: (id: string) => unknown };
  }
}

const PICTURES: Record<string, () => preact.JSX.Element> = {
  summary: Summary,
  matrix: MatrixTab,
  multiples: () => <Multiples />,
  map: MapTab,
  models: ModelsTab,
  scatter: ScatterTab,
};

interface Rooms {
  head: Element;
  tabs: Element;
  left: Element;
  picture: Element;
  right: Element;
}

const SERVED = "served-view";
/* Dash knows of what it has drawn a moment after it is there. */
const SOON_MS = 20;

/* The pictures that the server draws follow what is set here. */
function tellServer(store: Store): ReturnType<typeof setTimeout> | null {
  if (here?.store !== store) return null;
  if (!window.dash_component_api?.getLayout?.(SERVED)) return setTimeout(() => tellServer(store), SOON_MS);
  const tab = store.tab();
  const version = store.comparison?.progress.version ?? 0;
  const data = tab.is_drawn_here || lacksPair(store) ? null : { query: query(store.view), version, scheme: store.scheme };
  window.dash_clientside?.set_props?.(SERVED, { data });
  return null;
}

/* Whether a picture of two checkpoints has no two. */
function lacksPair(store: Store): boolean {
  const { a, b } = store.view;
  return OF_TWO.includes(store.view.tab) && !(a !== b && store.checkpoints.has(a) && store.checkpoints.has(b));
}

function App({ rooms }: { rooms: Rooms }) {
  const store = useStore();
  const [opened, open] = useState("");
  // A dialog that closes late must not take the next one with it.
  const close = (what: string) => (): void => open((now) => (now === what ? "" : now));
  const tab = store.tab();
  const Picture = lacksPair(store) ? PairPicker : tab.is_drawn_here ? PICTURES[tab.key] : undefined;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => press(store, event, (what) => open(what === "share" && store.place.isShared ? "" : what));
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [store]);
  const asked = tab.is_drawn_here ? "" : `${query(store.view)} ${store.comparison?.progress.version} ${store.scheme}`;
  useEffect(() => {
    const waiting = tellServer(store);
    return () => {
      if (waiting) clearTimeout(waiting);
    };
  }, [asked, store.comparison !== null]);
  useEffect(() => {
    const sides = tab.sides && !store.isClosed && !store.isMissing ? "both" : "none";
    document.getElementById("comparison")?.setAttribute("data-sides", sides);
    document.getElementById("comparison")?.setAttribute("data-exports", store.place.mayExport ? "yes" : "no");
    const isPhone = matchMedia("(max-width: 760px)").matches;
    rooms.right.classList.toggle("sheet", isPhone && tab.selection && (store.view.a > 0 || store.view.block !== ""));
  });
  return (
    <>
      {createPortal(<Head onShare={() => open("share")} />, rooms.head)}
      {createPortal(<Tabs />, rooms.tabs)}
      {createPortal(<Choices />, rooms.left)}
      {createPortal(store.comparison && Picture && !store.isClosed && !store.isMissing ? <Picture /> : null, rooms.picture)}
      {createPortal(<Selected />, rooms.right)}
      {!store.place.isShared && <ShareDialog isOpen={opened === "share"} onClose={close("share")} />}
      <Palette isOpen={opened === "palette"} onClose={close("palette")} actions={() => actionsOf(store, open)} />
      <KeySheet isOpen={opened === "keys"} onClose={close("keys")} />
    </>
  );
}

/* What every page has that is no comparison's: the palette of its links and buttons, and the keys that open it. */
function Anywhere() {
  const [opened, open] = useState("");
  const close = (what: string) => (): void => open((now) => (now === what ? "" : now));
  useEffect(() => {
    document.addEventListener("keydown", (event) => !here && pressAnywhere(event, open));
  }, []);
  return (
    <>
      <Palette isOpen={opened === "palette"} onClose={close("palette")} actions={actionsOfPage} />
      <KeySheet isOpen={opened === "keys"} onClose={close("keys")} isBare />
    </>
  );
}

let here: { root: Element; store: Store } | null = null;
let glanced: Element | null = null;
/* Small matrices on a start page. */
const AT_A_GLANCE = 8;

/* The newest comparison on the start page. */
function glance(): void {
  const root = document.getElementById("glance");
  if (root === glanced) return;
  if (glanced) render(null, glanced);
  glanced = root;
  if (!root?.dataset.place) return;
  const store = new Store(JSON.parse(root.dataset.place) as Place);
  void store.open();
  render(
    <StoreContext.Provider value={store}>
      <Glance />
    </StoreContext.Provider>,
    root,
  );
}

function Glance() {
  const store = useStore();
  return store.comparison ? <Multiples most={AT_A_GLANCE} /> : <div class="skeleton matrix-skeleton" aria-busy="true" />;
}

function roomsOf(root: Element): Rooms | null {
  const named = (name: string): Element | null => root.querySelector(`[data-room="${name}"]`);
  const rooms = {
    head: named("head"), tabs: named("tabs"), left: named("left"), picture: named("picture"), right: named("right"),
  };
  return Object.values(rooms).every(Boolean) ? (rooms as Rooms) : null;
}

function mount(): void {
  glance();
  const root = document.getElementById("comparison");
  if (root === here?.root) return;
  if (here) {
    here.store.close();
    render(null, document.getElementById("dialogs") as Element);
    here = null;
  }
  const rooms = root && roomsOf(root);
  const told = root instanceof HTMLElement ? root.dataset.place : undefined;
  if (!root || !rooms || !told) return;
  const store = new Store(JSON.parse(told) as Place);
  here = { root, store };
  if (store.place.isOffline && window.parent !== window) followParent(store, window.parent);
  void store.open();
  render(
    <StoreContext.Provider value={store}>
      <App rooms={rooms} />
    </StoreContext.Provider>,
    document.getElementById("dialogs") as Element,
  );
}

function start(): void {
  askEarly(location);
  const dialogs = document.createElement("div");
  dialogs.id = "dialogs";
  document.body.append(dialogs);
  const anywhere = document.createElement("div");
  document.body.append(anywhere);
  render(<Anywhere />, anywhere);
  followSaves(() => here?.store ?? null);
  new MutationObserver(mount).observe(document.body, { childList: true, subtree: true });
  const reread = (): void => here?.store.readAddress();
  window.addEventListener("popstate", reread);
  window.addEventListener("hashchange", reread);
  const { dataset } = document.documentElement;
  if (document.getElementById("offline") && matchMedia("(prefers-color-scheme: dark)").matches) {
    dataset.mantineColorScheme = "dark";
  }
  window.addEventListener("_dashprivate_pushstate", reread);
  new MutationObserver(() => {
    if (!here) return;
    here.store.scheme = document.documentElement.dataset.mantineColorScheme === "dark" ? "dark" : "light";
    here.store.changed();
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
  mount();
}

start();
