/* A drawing context that writes SVG: what draws on a canvas draws into a file, as lines and text. */

type Point = [number, number];

export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] as string);
const ANCHOR: Record<string, string> = { left: "start", right: "end", center: "middle", start: "start", end: "end" };

/* The part of a canvas's context that our painters use. */
export class SvgContext {
  fillStyle = "#000";
  strokeStyle = "#000";
  lineWidth = 1;
  font = "11px sans-serif";
  textAlign = "left";
  textBaseline = "alphabetic";
  imageSmoothingEnabled = false;
  private readonly parts: string[] = [];
  private path: string[] = [];
  private at: Point = [0, 0];
  private angle = 0;
  private readonly stack: [Point, number][] = [];

  clearRect(): void {
    /* There is nothing on a new page. */
  }

  save(): void {
    this.stack.push([[...this.at], this.angle]);
  }

  restore(): void {
    [this.at, this.angle] = this.stack.pop() ?? [[0, 0], 0];
  }

  translate(x: number, y: number): void {
    this.at = [this.at[0] + x, this.at[1] + y];
  }

  rotate(angle: number): void {
    this.angle += angle;
  }

  setLineDash(): void {
    /* Only what is selected is dashed, and that is not printed. */
  }

  beginPath(): void {
    this.path = [];
  }

  moveTo(x: number, y: number): void {
    this.path.push(`M${round(x)} ${round(y)}`);
  }

  lineTo(x: number, y: number): void {
    this.path.push(`L${round(x)} ${round(y)}`);
  }

  arc(x: number, y: number, radius: number): void {
    this.parts.push(`<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="${this.fillStyle}"/>`);
  }

  fill(): void {
    if (this.path.length) this.parts.push(`<path d="${this.path.join("")}Z" fill="${this.fillStyle}"/>`);
  }

  stroke(): void {
    if (!this.path.length) return;
    this.parts.push(
      `<path d="${this.path.join("")}" fill="none" stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}"/>`,
    );
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.parts.push(
      `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${this.fillStyle}"/>`,
    );
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.parts.push(
      `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="none" ` +
        `stroke="${this.strokeStyle}" stroke-width="${this.lineWidth}"/>`,
    );
  }

  fillText(text: string, x: number, y: number): void {
    const [px, py] = [round(this.at[0] + x), round(this.at[1] + y)];
    const size = /([\d.]+)px/.exec(this.font)?.[1] ?? "11";
    const turned = this.angle ? ` transform="rotate(${round((this.angle * 180) / Math.PI)} ${px} ${py})"` : "";
    const middle = this.textBaseline === "middle" ? ' dominant-baseline="central"' : "";
    const bold = this.font.startsWith("bold") || this.font.startsWith("600") ? ' font-weight="600"' : "";
    this.parts.push(
      `<text x="${px}" y="${py}" font-size="${size}" text-anchor="${ANCHOR[this.textAlign]}"${middle}${bold}${turned} ` +
        `fill="${this.fillStyle}">${escaped(text)}</text>`,
    );
  }

  /* A file of so many pixels on a ground of this colour. */
  document(width: number, height: number, paper: string, title: string): string {
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="Inter, Helvetica, Arial, sans-serif"><title>${escaped(title)}</title>` +
      `<rect width="100%" height="100%" fill="${paper}"/>${this.parts.join("")}</svg>`
    );
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
