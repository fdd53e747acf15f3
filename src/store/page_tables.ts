/**
 * How the index's pages are numbered and mapped, and the tables that say what each page has: see `pagesPerTable` in
 * `format.ts`. A page has the hashes that begin with its _prefix_, `depth` bits from the top.
 */
import type { Window } from "../sys/mapped_file.ts";
import { indexPageBytes, pagesPerTable } from "./format.ts";

export const pageWords = indexPageBytes / 4;
export const pagesPerWindowShift = 18; // 1 GiB / 4 KiB = 2^18
export const pageInWindowMask = (1 << pagesPerWindowShift) - 1;
/** A directory's entry is page << 5 | depth. */
export const depthBits = 5;
export const depthMask = 31;
export const depthMax = 28;

/** Whether a page is a table. */
export function isTable(page: number): boolean {
  return page % pagesPerTable === 0;
}

/** Where in its window a page begins, in words. */
export function pageBase(page: number): number {
  return (page & pageInWindowMask) * pageWords;
}

/** What the table says of a page that is counted, whose window is mapped. */
export function readTable(windows: readonly Window[], page: number): number {
  return windows[page >>> pagesPerWindowShift].i32[tableWord(page)];
}

/** Where in the page's window that stands. */
export function tableWord(page: number): number {
  return pageBase(page - page % pagesPerTable) + page % pagesPerTable;
}

/** What the table says of a page with this prefix and depth. */
export function tableEntry(prefix: number, depth: number): number {
  return prefix | 1 << (31 - depth);
}

/** How many bits of the prefix count; more than `depthMax` for what is no entry. */
export function depthOf(entry: number): number {
  return Math.clz32(entry & -entry);
}

export function prefixOf(entry: number): number {
  return entry & entry - 1;
}
