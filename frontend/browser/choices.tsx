/* The left side: how values are read, which layer and measure, order, colours, certainty, columns. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { API, queryOf } from "./api";
import { Beside, ColumnTicks } from "./column_choice";
import { useStore } from "./hooks";
import { FIGURES, Saves, SaveTable } from "./saves";
import { Order, Setting } from "./settings";
import type { Store } from "./store";
import { GROUP, tagNames, wantedStrips } from "./strips";
import { pairsTable, saveMatrix, type FigureFormat } from "./take_away";
import type { AskedMeasure } from "./types";
import { query } from "./view";
import { Named, ViewLink } from "./words";

const READINGS: [string, string][] = [
  ["raw", "Raw"],
  ["above-chance", "Above chance"],
  ["against-seeds", "Against seeds"],
];
const SCALES: [string, string][] = [
  ["fixed", "Fixed scale"],
  ["rank", "Quantile colours"],
  ["fit", "Range of values"],
  ["full", "Range of the measure"],
];
const SURE: [string, string][] = [
  ["", "Values only"],
  ["width", "Width below diagonal"],
  ["fade", "Fade the unsure"],
  ["seeds", "Dots: like other seeds"],
];
const MOST_CLUSTERS = 12;
/* Names of tags that fit under the settings. */
const MOST_TAGS = 12;
/* A longer list is searched. */
const MANY = 12;

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="choice-section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Choices() {
  const store = useStore();
  if (!store.comparison) return store.error ? null : <div class="skeleton side-skeleton" aria-hidden="true" />;
  const tab = store.tab();
  if (!tab.sides) return null;
  const isMatrix = ["matrix", "multiples", "summary"].includes(tab.key);
  return (
    <>
      {store.pairwise.length > 0 && (
        <div class="settings">
          {tab.readings && !store.place.isOffline && <Setting title="Values" of="reading" names={READINGS} />}
          {isMatrix && <Order />}
          {isMatrix && <Setting title="Colours" of="scale" names={SCALES} />}
          {tab.key === "matrix" && <Setting title="Certainty" of="sure" names={SURE} />}
          {tab.key === "matrix" && <Setting title="Clusters" of="cut" names={cuts(store)} />}
          {tab.key === "matrix" && store.hasNumbers && <Beside />}
        </div>
      )}
      {tab.key === "matrix" && <ColumnTicks />}
      {tab.key === "matrix" && <StripChoice />}
      <Layers />
      <Measures />
      <Exports />
    </>
  );
}

/* Into how many clusters the dendrogram may be cut. */
function cuts(store: Store): [string, string][] {
  const most = Math.min(MOST_CLUSTERS, (store.comparison?.checkpoints.length ?? 0) - 1);
  const counts = Array.from({ length: Math.max(0, most - 1) }, (_, k) => String(k + 2));
  const other = store.view.cut && !counts.includes(store.view.cut) ? [store.view.cut] : [];
  return [["", "Not cut"], ...[...counts, ...other].map((count): [string, string] => [count, `Cut into ${count}`])];
}

/* What the strips beside rows and columns tell: the group, tags, several of them. */
function StripChoice() {
  const store = useStore();
  const tags = tagNames([...store.checkpoints.values()]);
  if (!tags.length) return null;
  const shown = wantedStrips(store.view.strips);
  const toggled = (name: string): string => {
    const next = shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name];
    const text = next.join(",");
    return text === GROUP ? "" : text || "none";
  };
  return (
    <Section title="Strips">
      <div class="chips">
        {[GROUP, ...tags].slice(0, MOST_TAGS).map((name) => (
          <ViewLink className={shown.includes(name) ? "chip here" : "chip"} current={shown.includes(name)} to={{ strips: toggled(name) }}>
            {name}
          </ViewLink>
        ))}
      </div>
    </Section>
  );
}

function Layers() {
  const store = useStore();
  const measure = store.measure;
  const layers = measure ? store.layersOf(measure) : [];
  if (!measure || layers.length < 2) return null;
  const shown = store.layerOf(measure);
  return (
    <Section title="Layer">
      {layers.map((name) => (
        <ViewLink className={name === shown ? "choice-link here" : "choice-link"} current={name === shown} to={{ layer: name }}>
          {name}
        </ViewLink>
      ))}
    </Section>
  );
}

function Measures() {
  const store = useStore();
  const [wanted, want] = useState("");
  const shown = store.measure;
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (asked: AskedMeasure): boolean => {
    const card = store.cards.get(asked.slug);
    const text = `${card?.title} ${asked.key} ${card?.summary} ${card?.topic}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const topics = [...store.byTopic]
    .map(([topic, asked]) => [topic, asked.filter(fits)] as const)
    .filter(([, asked]) => asked.length > 0);
  const tab = store.tab();
  return (
    <>
      {store.pairwise.length > MANY && (
        <input
          id="find-shown"
          class="find"
          type="search"
          placeholder="Find a measure"
          aria-label="Find a measure"
          value={wanted}
          onInput={(event) => want((event.currentTarget as HTMLInputElement).value)}
        />
      )}
      {topics.map(([topic, asked]) => (
        <Section title={topic}>
          {asked.map((one) => (
            <ViewLink
              className={one === shown ? "choice-link here" : "choice-link"}
              current={one === shown}
              to={{ measure: one.key, tab: tab.measure ? tab.key : "matrix" }}
            >
              <Named slug={one.slug}>{store.titleOf(one)}</Named>
            </ViewLink>
          ))}
        </Section>
      ))}
      {words.length > 0 && topics.length === 0 && <p class="quiet">No measure of this comparison fits.</p>}
    </>
  );
}

function Exports() {
  const store = useStore();
  const measure = store.measure;
  if (!measure || !store.place.mayExport || store.place.isOffline) return null;
  const layer = store.layerOf(measure);
  const at = (format: string): string =>
    `${API}${store.path}/export${queryOf({ measure: measure.key, layer, format })}`;
  return (
    <Section title="Export">
      <div class="chips">
        {["csv", "json", "npz"].map((format) => (
          <a class="chip" href={at(format)}>
            {format.toUpperCase()}
          </a>
        ))}
        <SaveTable name={`comparison-${store.place.comparison}-${measure.slug}-pairs`} table={() => pairsTable(store)} without="csv" />
        {store.tab().key === "matrix" && (
          <Saves names={FIGURES} save={(format) => saveMatrix(store, format as FigureFormat)} />
        )}
        {!store.place.isOneMatrix && (
          <>
            <a class="chip" href={`${API}${store.path}/export/archive`} title="Everything as one zip archive, with a manifest">
              ZIP
            </a>
            <a class="chip" href={`/page/${store.place.comparison}${query(store.view)}`} title="One file with all matrices that opens without a server, at this view">
              Page
            </a>
          </>
        )}
      </div>
    </Section>
  );
}
