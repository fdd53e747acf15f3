/**
 * Where an executable ends and what its maker appended begins.
 *
 * `deno compile` makes a program by appending it to a base runtime, so that any executable it made
 * holds one. In an ELF file the table of section headers comes last; what stands behind it is not part
 * of the executable (System V ABI, chapter 4, "ELF Header").
 */

/** Of a 64-bit little-endian ELF file's header: offset of the field, in bytes. */
const sectionTableOffsetAt = 40; // e_shoff, 8 bytes
const sectionEntrySizeAt = 58; // e_shentsize, 2 bytes
const sectionCountAt = 60; // e_shnum, 2 bytes
const headerBytes = 64;

const elfMagic = [0x7f, 0x45, 0x4c, 0x46]; // DEL "ELF"
const class64 = 2; // EI_CLASS, at 4
const littleEndian = 1; // EI_DATA, at 5

/** The length in bytes of the ELF file that `bytes` begins with. Throws a RangeError when it is none. */
export function elfLength(bytes: Uint8Array): number {
  if (bytes.length < headerBytes || elfMagic.some((byte, at) => bytes[at] !== byte)) {
    throw new RangeError("Cannot find the end of the executable: it is no ELF file");
  }
  if (bytes[4] !== class64 || bytes[5] !== littleEndian) {
    throw new RangeError("Cannot find the end of the executable: it is not 64-bit little-endian");
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const tableOffset = Number(header.getBigUint64(sectionTableOffsetAt, true));
  const entryBytes = header.getUint16(sectionEntrySizeAt, true);
  const entries = header.getUint16(sectionCountAt, true);
  const end = tableOffset + entryBytes * entries;
  if (tableOffset < headerBytes || end > bytes.length) {
    throw new RangeError(
      `Cannot find the end of the executable: its header says byte ${end} of ${bytes.length}`,
    );
  }
  return end;
}

/** The executable alone, without what was appended to it. A view, not a copy. */
export function cutAppended(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.subarray(0, elfLength(bytes));
}
