/** What a terminal shows for the bytes that a program writes: as much of one as `kv cli` uses. */

/** What stands behind the escape character. */
const sequence = /\[([\d;?]*)([A-Za-z])/y;
const columns = 100;

/** Rows are as long as the terminal is wide; the screen itself never scrolls. */
export class Screen {
  static readonly columns = columns;

  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;
  /** The start of a sequence whose end has not come. */
  #rest = "";

  /** The text in each row, without the spaces at its end; empty rows at the end are left out. */
  get lines(): string[] {
    const lines = this.#rows.map((row) =>
      Array.from(row, (cell) => cell ?? " ").join("").trimEnd()
    );
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** The last row that shows anything. */
  get lastLine(): string {
    return this.lines.at(-1) ?? "";
  }

  /** The cursor's row. */
  get row(): number {
    return this.#row;
  }

  /** What stands before the cursor in its row. */
  get beforeCursor(): string {
    const row = this.#rows[this.#row] ?? [];
    return Array.from({ length: this.#column }, (_, i) => row[i] ?? " ").join("");
  }

  write(output: string): void {
    const text = this.#rest + output;
    this.#rest = "";
    for (let at = 0; at < text.length;) {
      if (text[at] !== "\x1b") {
        this.#put(text[at++]);
        continue;
      }
      sequence.lastIndex = at + 1;
      const match = sequence.exec(text);
      if (match === null) {
        if (text.length - at > 10) throw new Error(`Cannot show ${JSON.stringify(text.slice(at))}`);
        this.#rest = text.slice(at);
        return;
      }
      this.#control(match[2], match[1]);
      at = sequence.lastIndex;
    }
  }

  #put(character: string): void {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") this.#moveTo(this.#row + 1, this.#column);
    else if (character === "\b") this.#moveTo(this.#row, this.#column - 1);
    else if (character >= " ") {
      if (this.#column === columns) this.#moveTo(this.#row + 1, 0);
      this.#rows[this.#row][this.#column++] = character;
    }
  }

  #control(command: string, parameters: string): void {
    const count = Number(parameters || 1);
    switch (command) {
      case "A":
        return this.#moveTo(this.#row - count, this.#column);
      case "B":
        return this.#moveTo(this.#row + count, this.#column);
      case "C":
        return this.#moveTo(this.#row, this.#column + count);
      case "D":
        return this.#moveTo(this.#row, this.#column - count);
      case "G":
        return this.#moveTo(this.#row, count - 1);
      case "H":
        return this.#moveTo(0, 0);
      case "J":
        if (parameters === "2") this.#rows = Array.from(this.#rows, () => []);
        else this.#rows.length = this.#row + 1;
        if (parameters === "2") return;
        this.#rows[this.#row].length = Math.min(this.#column, this.#rows[this.#row].length);
        return;
      case "K":
        if (parameters === "2") this.#rows[this.#row] = [];
        else this.#rows[this.#row].length = Math.min(this.#column, this.#rows[this.#row].length);
        return;
    }
    // Colours and modes show nothing.
  }

  #moveTo(row: number, column: number): void {
    this.#row = Math.max(0, row);
    this.#column = Math.min(columns, Math.max(0, column));
    while (this.#rows.length <= this.#row) this.#rows.push([]);
  }
}
