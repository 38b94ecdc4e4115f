import assert from "node:assert/strict";
import { test } from "node:test";
import { markOf, meaningOf } from "./marks";
import type { Checkpoint } from "./types";

function one(level: string, verdict?: "unverified" | "checking" | "verified" | "contradicted"): Checkpoint {
  const verification = verdict ? { verdict, sentence: "" } : undefined;
  return { id: 1, name: "a", group: "", tags: {}, level, verification } as unknown as Checkpoint;
}

test("only networks whose architecture was named and not shown are marked", () => {
  assert.equal(markOf(one("network", "unverified")), "°");
  assert.equal(markOf(one("network", "checking")), "°");
  assert.equal(markOf(one("network", "contradicted")), " ≠");
  assert.equal(markOf(one("network", "verified")), "");
  for (const level of ["weights", "recorded", "program"]) assert.equal(markOf(one(level, "unverified")), "");
  assert.equal(markOf(one("network")), "");
  assert.equal(markOf(undefined), "");
});

test("each mark that is there is explained, and no other", () => {
  assert.deepEqual(meaningOf([one("program", "unverified"), one("network", "verified")]), []);
  const both = meaningOf([one("network", "unverified"), one("network", "contradicted")]);
  assert.equal(both.length, 2);
  assert.ok(both[0]?.startsWith("≠"));
});
