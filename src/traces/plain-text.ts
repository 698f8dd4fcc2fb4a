/**
 * What would move a terminal's cursor, colour its text or reverse its direction: controls, and marks that nobody sees. Names of
 * tools and texts of providers come from outside.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

export function printable(text: string): string {
  return text.replaceAll(unprintable, "\u{fffd}");
}

/** In characters, whatever the number of their code units. */
export function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** @param width in characters, at least one */
export function clip(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length > width ? `${characters.slice(0, width - 1).join("")}…` : text;
}

export function pad(text: string, width: number): string {
  return `${text}${" ".repeat(Math.max(0, width - lengthOf(text)))}`;
}

/** Breaks at spaces, and inside a word only where it is longer than a line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[][] = [[]];
  for (const word of text.split(" ").flatMap((whole) => pieces(whole, width))) {
    const line = lines.at(-1)!;
    const length = line.reduce((sum, part) => sum + lengthOf(part) + 1, 0);
    if (line.length > 0 && length + lengthOf(word) > width) lines.push([word]);
    else line.push(word);
  }
  return lines.map((line) => line.join(" "));
}

function pieces(word: string, width: number): string[] {
  const characters = Array.from(word);
  if (characters.length <= width) return [word];
  const count = Math.ceil(characters.length / width);
  return Array.from({ length: count }, (_, index) => characters.slice(index * width, (index + 1) * width).join(""));
}
