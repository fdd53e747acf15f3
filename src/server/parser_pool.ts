/**
 * Parsers for the connections whose requests are read and run now. One that waits for its client has none, so that
 * a thousand of them need no more memory than those of one turn, and that memory stays in the processor's
 * caches: whoever comes next gets the parser that was used last.
 */
import { RequestParser } from "../protocol/request_parser.ts";

export class ParserPool {
  readonly #free: RequestParser[] = [];
  readonly #bytesMax: number;
  #bytes = 0;

  /** Keeps as many parsers as take `bytesMax` in all. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(): RequestParser {
    const parser = this.#free.pop();
    if (parser === undefined) return new RequestParser();
    this.#bytes -= parser.memoryBytes;
    return parser;
  }

  /** Takes back a parser that has handed out all that it received. */
  give(parser: RequestParser): void {
    parser.restart();
    const bytes = this.#bytes + parser.memoryBytes;
    if (bytes > this.#bytesMax) return;
    this.#bytes = bytes;
    this.#free.push(parser);
  }
}
