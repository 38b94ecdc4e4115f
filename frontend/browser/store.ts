/* One store: the comparison that is open, what of it has come, and the view; its pictures subscribe to it. */

import { ApiError, askAsVisitor, get, getBytes, queryOf } from "./api";
import { decode, modelTable, type Column, type Matrix, type ModelTable } from "./arrays";
import { asRead } from "./colour";
import { GIVEN, hasGiven, withGiven } from "./given";
import { markOf } from "./marks";
import type { Place } from "./place";
import { positions } from "./order";
import { setAside } from "./aside";
import { treeOf } from "./seriation";
import type { AskedMeasure, Card, Checkpoint, Comparison, ModelTableDocument, Progress, Tab } from "./types";
import { short } from "./strange";
import { BY, numbersOf, parse, query, type View } from "./view";

export interface Part<T> {
  value: T | null;
  error: string;
}

interface Kept<T> extends Part<T> {
  version: number;
  isLoading: boolean;
}

/* Matrices of a comparison of 500 with intervals take three megabytes each. */
const MOST_BYTES = 400 << 20;
/* A running comparison is read anew at most so often. */
const PATIENCE_MS = 1000;
/* An open link is looked at again after so many times what looking took. */
const SHARE_OF_TIME = 10;
const LONGEST_MS = 8000;
const AGAIN_MS = 3000;
/* What a key says of a probe set of its own. */
const OWN_SET = /\(probe=\w+\)|,probe=\w+(?=\)$)/;

export class Store {
  view: View;
  comparison: Comparison | null = null;
  checkpoints = new Map<number, Checkpoint>();
  cards = new Map<string, Card>();
  scheme: "light" | "dark" = "light";
  error = "";
  notice = "";
  isClosed = false;
  /* Whether there is no such comparison, or no longer. */
  isMissing = false;

  private readonly listeners = new Set<() => void>();
  private readonly parts = new Map<string, Kept<unknown>>();
  private events: EventSource | null = null;
  private lastRead = 0;
  private waiting: ReturnType<typeof setTimeout> | null = null;
  /* How often something has changed. */
  turn = 0;
  private isTold = false;
  private guard: ReturnType<typeof setTimeout> | null = null;
  private isGone = false;

  constructor(readonly place: Place) {
    askAsVisitor(place.isShared && !place.isOffline ? (place.path.split("/").pop() ?? "") : "");
    this.view = this.fromAddress();
    this.scheme = document.documentElement.dataset.mantineColorScheme === "dark" ? "dark" : "light";
  }

  get path(): string {
    return `/comparisons/${this.place.comparison}`;
  }

  private get tabKeys(): string[] {
    return this.place.tabs.map((tab) => tab.key);
  }

  private written(): string {
    return this.place.isOffline ? location.hash.slice(1) || (this.place.view ?? "") : location.search;
  }

  private fromAddress(): View {
    const { view, unknown } = parse(this.written(), this.tabKeys);
    this.notice = unknown.length
      ? `This address names something that is not known here (${unknown.slice(0, 3).map(short).join(", ")}); the rest is shown.`
      : "";
    return view;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /* Told once for all changes of one turn. */
  changed(): void {
    this.turn += 1;
    if (this.isTold) return;
    this.isTold = true;
    queueMicrotask(() => {
      this.isTold = false;
      for (const listener of [...this.listeners]) listener();
    });
  }

  /* Another view; its address becomes the page's, as a new step back or in place of the last one. */
  show(changes: Partial<View>, how: "push" | "replace" = "push"): void {
    const before = query(this.view);
    const isReordered =
      "order" in changes || "way" in changes || "aside" in changes || ("measure" in changes && this.view.order === "alike");
    // The same places would be other networks.
    const zoom = isReordered && !("zoom" in changes) ? { zoom: "" } : {};
    // Another pair has other samples.
    const skip = "a" in changes || "b" in changes ? { skip: 0 } : {};
    // Another order begins with its first.
    const way = "order" in changes && !("way" in changes) ? { way: "down" } : {};
    this.view = { ...this.view, ...skip, ...way, ...changes, ...zoom };
    const after = query(this.view);
    if (after === before && location.pathname === this.place.path) return;
    this.notice = "";
    if (this.place.isOffline) {
      // Without any mark the file would open as it was taken.
      location.hash = after || "tab=summary";
      return this.changed();
    }
    history[how === "push" ? "pushState" : "replaceState"](history.state, "", this.place.path + after);
    // Dash keeps the address too: its callbacks read it.
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    this.changed();
  }

  href(changes: Partial<View>): string {
    return this.place.path + (this.place.isOffline ? "#" : "") + query({ ...this.view, ...changes });
  }

  /* The address was changed by the browser, or by a link of the server's. */
  readAddress(): void {
    const isElsewhere = !this.place.isOffline && location.pathname !== this.place.path;
    if (isElsewhere || query(this.view) === this.written()) return;
    this.view = this.fromAddress();
    this.changed();
  }

  async open(): Promise<void> {
    try {
      const [comparison, checkpoints, cards] = await Promise.all([
        get<Comparison>(this.path),
        get<Checkpoint[]>(`${this.path}/checkpoints`),
        get<Card[]>("/measures"),
      ]);
      this.cards = new Map(cards.map((card) => [card.slug, card]));
      this.take(comparison, checkpoints);
    } catch (error) {
      this.fail(error);
    }
    this.changed();
  }

  private take(comparison: Comparison, checkpoints: Checkpoint[]): void {
    this.comparison = comparison;
    this.checkpoints = new Map(checkpoints.map((one) => [one.id, one]));
    if (this.place.isOffline || location.pathname === this.place.path) {
      document.title = `${comparison.name || `Comparison ${comparison.id}`} · Kinscape`;
    }
    if (comparison.progress.state === "running") this.watch();
    if (!this.place.isOffline && !this.guard) this.guard = setTimeout(() => void this.look(), this.place.isShared ? PATIENCE_MS : LONGEST_MS);
  }

  /* Whether this is still there, and a link still opens it; seldom where the server is slow to say, never while nobody looks. */
  private async look(): Promise<void> {
    const began = Date.now();
    if (!document.hidden) {
      try {
        const { version } = await get<Progress>(`${this.path}/progress`);
        if (version !== this.comparison?.progress.version && !this.events) await this.refresh();
      } catch (error) {
        if (error instanceof ApiError && (error.isClosed || error.isMissing)) this.fail(error);
      }
    }
    if (this.isClosed || this.isMissing || this.isGone) return;
    const soon = this.place.isShared ? PATIENCE_MS : LONGEST_MS;
    this.guard = setTimeout(() => void this.look(), Math.min(LONGEST_MS, Math.max(soon, SHARE_OF_TIME * (Date.now() - began))));
  }

  fail(error: unknown): void {
    const sentence = error instanceof Error ? error.message : String(error);
    if (error instanceof ApiError && error.isClosed && this.place.isShared) this.isClosed = true;
    if (error instanceof ApiError && error.isMissing) {
      this.isMissing = true;
      document.title = "This comparison is not here · Kinscape";
      this.comparison = null;
    }
    this.error = sentence;
    this.changed();
  }

  /* Read the comparison again, after something was changed. */
  async refresh(): Promise<void> {
    try {
      const [comparison, checkpoints] = await Promise.all([
        get<Comparison>(this.path),
        get<Checkpoint[]>(`${this.path}/checkpoints`),
      ]);
      this.error = "";
      this.take(comparison, checkpoints);
    } catch (error) {
      this.fail(error);
    }
    this.changed();
  }

  private watch(): void {
    if (this.events) return;
    this.events = new EventSource(`/api/v1${this.path}/events`);
    this.events.onmessage = (message) => {
      const progress = JSON.parse(message.data as string) as Progress;
      if (!this.comparison) return;
      if (progress.state !== "running") this.stopWatching();
      const wait = progress.state === "running" ? Math.max(0, this.lastRead + PATIENCE_MS - Date.now()) : 0;
      if (this.waiting) clearTimeout(this.waiting);
      this.waiting = setTimeout(() => {
        this.lastRead = Date.now();
        if (progress.state !== "running") void this.refresh();
        else if (this.comparison) this.comparison = { ...this.comparison, progress };
        this.changed();
      }, wait);
    };
  }

  stopWatching(): void {
    this.events?.close();
    this.events = null;
  }

  close(): void {
    this.stopWatching();
    this.isGone = true;
    if (this.waiting) clearTimeout(this.waiting);
    if (this.guard) clearTimeout(this.guard);
    this.listeners.clear();
  }

  /* Something of the comparison, fetched when first asked for and again when there is more of it. */
  part<T>(name: string, fetch: () => Promise<T>): Part<T> {
    const version = this.comparison?.progress.version ?? 0;
    const there = (this.parts.get(name) as Kept<T> | undefined) ?? { value: null, error: "", version: -1, isLoading: false };
    if (there.version !== version && !there.isLoading) {
      there.isLoading = true;
      fetch().then(
        (value) => Object.assign(there, { value, error: "" }),
        (error: unknown) => {
          if (error instanceof ApiError && error.isClosed) this.fail(error);
          if (error instanceof ApiError && error.isPassing) this.askAgain(there);
          Object.assign(there, { error: error instanceof Error ? error.message : String(error) });
        },
      ).finally(() => {
        Object.assign(there, { version, isLoading: false });
        this.changed();
      });
    }
    this.parts.delete(name);
    this.parts.set(name, there as Kept<unknown>);
    this.forgetOldest();
    return there;
  }

  /* What failed because the server was away is asked for again. */
  private askAgain(part: Kept<unknown>): void {
    setTimeout(() => {
      if (this.isGone) return;
      part.version = -1;
      this.changed();
    }, AGAIN_MS);
  }

  private forgetOldest(): void {
    let bytes = 0;
    for (const [name, kept] of [...this.parts].reverse()) {
      const values = (kept.value as Partial<Matrix> | null)?.values;
      bytes += values instanceof Float32Array ? 3 * values.byteLength : 0;
      if (bytes > MOST_BYTES && !kept.isLoading) this.parts.delete(name);
    }
  }

  matrixOf(measure: AskedMeasure, layer: string | null, reading = this.view.reading): Part<Matrix> {
    const path = `${this.path}/matrix${queryOf({ measure: measure.key, layer, reading, format: "float32" })}`;
    return this.part(path, async () => decode(await getBytes(path)));
  }

  /* Numbers of single models: computed here, and given with the checkpoints. */
  get models(): Part<ModelTable> {
    const { comparison, checkpoints } = this;
    // A comparison of pairs alone has no table to ask for, nor has a link to one matrix.
    if (comparison && !this.single.length) return { value: withGiven(comparison, checkpoints, null), error: "" };
    const part = this.part("models", async () => modelTable(await get<ModelTableDocument>(`${this.path}/models`)));
    return comparison && part.value ? { value: withGiven(comparison, checkpoints, part.value), error: part.error } : part;
  }

  /* Whether there are, or will be, numbers of single models. */
  get hasNumbers(): boolean {
    return this.single.length > 0 || hasGiven(this.checkpoints);
  }

  familyOf(column: Column): string {
    return column.slug ? (this.cards.get(column.slug)?.family ?? "") : GIVEN;
  }

  /* Measures of pairs, in the order asked. */
  get pairwise(): AskedMeasure[] {
    return this.comparison?.measures.filter((m) => m.arity === "pair" && this.cards.has(m.slug)) ?? [];
  }

  get single(): AskedMeasure[] {
    return this.comparison?.measures.filter((m) => m.arity === "model" && this.cards.has(m.slug)) ?? [];
  }

  /* Measures of pairs under their topics, as the list shows them. */
  get byTopic(): Map<string, AskedMeasure[]> {
    const topics = new Map<string, AskedMeasure[]>();
    for (const asked of this.pairwise) {
      const topic = this.cards.get(asked.slug)?.topic ?? "";
      topics.set(topic, [...(topics.get(topic) ?? []), asked]);
    }
    return topics;
  }

  get measure(): AskedMeasure | null {
    const all = this.pairwise;
    return all.find((m) => m.key === this.view.measure) ?? all[0] ?? null;
  }

  layersOf(measure: AskedMeasure): string[] {
    return [...new Set(measure.layers.filter(([a, b]) => a === b).map(([a]) => a))].filter(Boolean);
  }

  layerOf(measure: AskedMeasure): string | null {
    const layers = this.layersOf(measure);
    return layers.includes(this.view.layer) ? this.view.layer : (layers[layers.length - 1] ?? null);
  }

  card(measure: AskedMeasure): Card {
    return asRead(this.cards.get(measure.slug) as Card, this.view.reading);
  }

  titleOf(measure: AskedMeasure): string {
    const title = this.cards.get(measure.slug)?.title ?? measure.slug;
    // The probe set is told by name, not by its hash, unless several are called alike as behind a masked link.
    const isTold = measure.probe && this.comparison?.measures.filter((m) => m.slug === measure.slug && m.probe === measure.probe).length === 1;
    const settings = measure.key.slice(measure.slug.length);
    return isTold ? `${title}${settings.replace(OWN_SET, "")} on ${measure.probe}` : title + settings;
  }

  columnTitle(column: Column): string {
    if (!column.slug) return `${column.measure} (given)`;
    const asked = this.single.find((m) => m.key === column.measure);
    const title = asked ? this.titleOf(asked) : column.measure;
    return column.layer ? `${title}, ${column.layer}` : title;
  }

  /* Marks beside names, where weights run in an architecture that was named and not shown to be the owner's. */
  get marks(): string[] {
    return this.comparison?.checkpoints.map((id) => markOf(this.checkpoints.get(id))) ?? [];
  }

  get groups(): string[] {
    return this.comparison?.checkpoints.map((id) => this.checkpoints.get(id)?.group ?? "") ?? [];
  }

  /* What orders by this, and the other way round where that is so already. */
  orderedBy(order: string): Partial<View> {
    const isTurned = this.view.order === order && this.view.way === "down";
    return { order, way: isTurned ? "up" : "down" };
  }

  /* Positions of the models in the order of the view; that of the measure shown, for all panels. */
  order(matrix: Matrix | null): number[] {
    const { checkpoints: ids, labels } = this.comparison as Comparison;
    const columns = this.view.order.startsWith(BY) ? (this.models.value?.columns ?? []) : [];
    return positions(
      { order: this.view.order, way: this.view.way, ids, labels, groups: this.groups, aside: numbersOf(this.view.aside), columns, seriated: this.seriated(matrix) },
      matrix,
    );
  }

  /* The models by their dendrogram where some are set aside; else the matrix says it. */
  private seriated(matrix: Matrix | null): number[] | undefined {
    const card = matrix && this.cards.get(matrix.header.slug);
    const aside = matrix ? setAside(this) : [];
    if (!card || !aside.length || matrix.header.order.length !== matrix.rows) return undefined;
    const tree = treeOf(matrix, asRead(card, matrix.header.reading), aside);
    return tree.order.map((k) => tree.models[k] as number);
  }

  /* Tabs with something to show: that of a study only where the comparison answers one. */
  get tabs(): Tab[] {
    return this.place.tabs.filter((tab) => tab.key !== "study" || this.comparison?.study);
  }

  tab(): Tab {
    return (this.place.tabs.find((tab) => tab.key === this.view.tab) ?? this.place.tabs[0]) as Tab;
  }
}
