/* Columns of single models beside the cells: a colour each, with the number and its interval where there is room. */

import type { Column } from "./arrays";
import { between, COLUMN, css, inkOn, type Rgb } from "./colour";
import { fence, number, rankOf } from "./numbers";
import { FONT, LINED, MARKED, type Drawn, type Plan } from "./painting";

/* Rows that are lower have no interval, narrower columns no number. */
const LEAST_TALL = 9;
const TEXT_TALL = 19;
const TEXT_WIDE = 40;
const WHISKER_ROOM = 4;

interface Place {
  /* 0 ... 1 within the fence of the column. */
  place: number;
  isBeyond: boolean;
}

/* Where values of a column stand among its values. */
function placeIn(column: Column, order: number[]): (value: number) => Place {
  const sorted = Float64Array.from(order, (i) => column.values[i] as number).filter((v) => !Number.isNaN(v)).sort();
  const { low, high } = fence(sorted);
  return (value) => ({
    place: high > low ? (value - low) / (high - low) : rankOf(sorted, value)[0] ? 1 : 0.5,
    isBeyond: value < low || value > high,
  });
}

interface Box {
  left: number;
  top: number;
  wide: number;
  tall: number;
}

export function paintColumns(context: CanvasRenderingContext2D, drawn: Drawn, plan: Plan): void {
  drawn.columns.forEach((column, k) => {
    const place = placeIn(column, drawn.order);
    const across = scaleIn(column, drawn.order);
    for (let i = 0; i < plan.rows; i++) {
      const model = drawn.order[drawn.window.rows[0] + i] as number;
      const value = column.values[model] as number;
      const tall = Math.max(0.5, plan.cell - (plan.cell >= LINED ? 1 : 0));
      const box = { left: plan.beside + k * plan.step, top: plan.y + i * plan.cell, wide: plan.step - 2, tall };
      if (Number.isNaN(value)) {
        context.fillStyle = drawn.look.blank;
        context.fillRect(box.left, box.top, box.wide, tall);
        continue;
      }
      const found = place(value);
      const colour = between(COLUMN, found.place);
      context.fillStyle = css(colour);
      context.fillRect(box.left, box.top, box.wide, tall);
      if (found.isBeyond && plan.cell >= MARKED) paintBeyond(context, box);
      paintNumber(context, box, colour, value);
      paintInterval(context, box, colour, [column.low[model] as number, value, column.high[model] as number].map(across));
    }
  });
}

/* A corner where the colours end before the value does. */
function paintBeyond(context: CanvasRenderingContext2D, { left, top, wide, tall }: Box): void {
  context.fillStyle = "#1d2430";
  context.fillRect(left + wide - 3, top + 1, 3, Math.min(3, tall - 1));
}

function paintNumber(context: CanvasRenderingContext2D, { left, top, wide, tall }: Box, colour: Rgb, value: number): void {
  if (tall < TEXT_TALL || wide < TEXT_WIDE) return;
  context.font = `10px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = inkOn(colour);
  context.fillText(number(value), left + wide / 2, top + (tall - WHISKER_ROOM) / 2);
}

/* The 95 % interval as a line from its low to its high end, the value as a stroke upon it. */
function paintInterval(context: CanvasRenderingContext2D, { left, top, wide, tall }: Box, colour: Rgb, ends: number[]): void {
  const [low, value, high] = ends as [number, number, number];
  if (tall < LEAST_TALL || Number.isNaN(low) || Number.isNaN(high)) return;
  const room = wide - 4;
  const y = tall < TEXT_TALL || wide < TEXT_WIDE ? top + tall / 2 : top + tall - WHISKER_ROOM;
  context.strokeStyle = inkOn(colour);
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left + 2 + low * room, y);
  context.lineTo(left + 2 + high * room, y);
  context.moveTo(left + 2 + value * room, y - 2.5);
  context.lineTo(left + 2 + value * room, y + 2.5);
  context.stroke();
}

/* From a number of a column to 0 ... 1, where all values and their intervals lie, but for what lies far out. */
export function scaleIn(column: Column, order: number[]): (value: number) => number {
  const known = order.flatMap((i) => [column.values[i], column.low[i], column.high[i]] as number[]).filter(Number.isFinite);
  const { low, high } = fence(Float64Array.from(known).sort());
  return (value) => (Number.isNaN(value) ? NaN : high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5);
}
