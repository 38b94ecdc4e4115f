/* The same numbers as a table, for those who cannot see the picture; only what is in sight is in the page. */

import { useState } from "preact/hooks";
import type { Drawn } from "./painting";
import { told } from "./matrix";

const ROWS = 12;
const COLUMNS = 8;

export function MatrixTable({ drawn, title }: { drawn: Drawn; title: string }) {
  const [isOpen, open] = useState(false);
  const [from, go] = useState<[number, number]>([0, 0]);
  const count = drawn.window.rows[1] - drawn.window.rows[0];
  const wide = drawn.window.columns[1] - drawn.window.columns[0];
  const rows = Array.from({ length: Math.min(ROWS, count - from[0]) }, (_, k) => from[0] + k);
  const columns = Array.from({ length: Math.min(COLUMNS, wide - from[1]) }, (_, k) => from[1] + k);
  const name = (position: number): string => drawn.labels[drawn.order[position] as number] as string;
  const step = (down: number, right: number): void =>
    go([Math.max(0, Math.min(from[0] + down, count - 1)), Math.max(0, Math.min(from[1] + right, wide - 1))]);
  return (
    <details class="as-table" onToggle={(event) => open((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>As a table</summary>
      {isOpen && (
        <>
          <div class="chips">
            {count > ROWS && <button class="chip" onClick={() => step(-ROWS, 0)} disabled={from[0] === 0}>Rows before</button>}
            {count > ROWS && <button class="chip" onClick={() => step(ROWS, 0)} disabled={from[0] + ROWS >= count}>Rows after</button>}
            {wide > COLUMNS && <button class="chip" onClick={() => step(0, -COLUMNS)} disabled={from[1] === 0}>Columns before</button>}
            {wide > COLUMNS && <button class="chip" onClick={() => step(0, COLUMNS)} disabled={from[1] + COLUMNS >= wide}>Columns after</button>}
          </div>
          <div class="scroll" tabIndex={0} role="region" aria-label="Numbers of the matrix">
            <table class="numbers">
              <caption class="quiet">
                {title}: rows {from[0] + 1} to {from[0] + rows.length} of {count}, columns {from[1] + 1} to{" "}
                {from[1] + columns.length} of {wide}
              </caption>
              <thead>
                <tr>
                  <th scope="col">Checkpoint</th>
                  {columns.map((j) => (
                    <th scope="col">{name(drawn.window.columns[0] + j)}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((i) => (
                  <tr>
                    <th scope="row">{name(drawn.window.rows[0] + i)}</th>
                    {columns.map((j) => (
                      <td>{told(drawn, { row: i, column: j, beside: -1 }).slice(1, 2)}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </details>
  );
}
