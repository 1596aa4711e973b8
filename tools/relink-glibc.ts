// Makes the prebuilt uWebSockets.js addon, which was linked against glibc 2.38, loadable on glibc 2.36 and 2.37
// (Debian 12).
//
// The only symbols that those are missing are __isoc23_strtol, __isoc23_strtoul, __isoc23_strtoull and __isoc23_sscanf,
// which differ from the plain functions only in accepting C23 binary literals. Each such import is renamed by pointing
// its name behind the prefix "__isoc23_" and bound to GLIBC_2.2.5; the GLIBC_2.38 need entry becomes a copy of the
// GLIBC_2.2.5 one. Nothing but those table entries changes: no code, no data, no length.

const RENAMED_PREFIX = "__isoc23_";
const OLD_VERSION = "GLIBC_2.2.5";
const NEW_VERSION = "GLIBC_2.38";

const ELF64_LITTLE_ENDIAN_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const SECTION_DYNSYM = 11;
const SECTION_VERNEED = 0x6ffffffe;
const SECTION_VERSYM = 0x6fffffff;
const SYMBOL_BYTES = 24;
const VERSION_INDEX_MASK = 0x7fff;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

interface OldVersion {
  readonly hash: number;
  readonly index: number;
  readonly name: number;
}

interface NewVersion {
  readonly at: number;
  readonly index: number;
}

/**
 * Returns a copy of a 64-bit little-endian ELF shared object that needs no glibc 2.38. Throws on anything it does not
 * expect, above all on an import of GLIBC_2.38 that is not one of the renamed functions.
 */
export function relinkForOlderGlibc(original: Buffer): Buffer {
  if (!original.subarray(0, ELF64_LITTLE_ENDIAN_MAGIC.length).equals(ELF64_LITTLE_ENDIAN_MAGIC)) {
    throw new Error("not a 64-bit little-endian ELF file");
  }
  const elf = Buffer.from(original);
  const sections = readSections(elf);
  const symbols = requireSection(sections, SECTION_DYNSYM, "dynamic symbols");
  const versions = requireSection(sections, SECTION_VERSYM, "symbol versions");
  const needs = requireSection(sections, SECTION_VERNEED, "version needs");
  const strings = sections[symbols.link];
  if (strings === undefined) throw new Error("no string table behind the dynamic symbols");

  const nameAt = (offset: number): string => {
    const start = strings.offset + offset;
    return elf.toString("latin1", start, elf.indexOf(0, start));
  };

  const { oldVersion, newVersions } = findVersions(elf, needs, nameAt);
  for (let i = 0; i < symbols.size / SYMBOL_BYTES; i++) {
    const symbol = symbols.offset + i * SYMBOL_BYTES;
    const version = versions.offset + i * 2;
    const index = elf.readUInt16LE(version) & VERSION_INDEX_MASK;
    if (!newVersions.some((v) => v.index === index)) continue;
    const name = nameAt(elf.readUInt32LE(symbol));
    if (!name.startsWith(RENAMED_PREFIX)) throw new Error(`unexpected ${NEW_VERSION} import ${name}`);
    elf.writeUInt32LE(elf.readUInt32LE(symbol) + RENAMED_PREFIX.length, symbol);
    elf.writeUInt16LE(oldVersion.index, version);
  }
  for (const v of newVersions) {
    elf.writeUInt32LE(oldVersion.hash, v.at);
    elf.writeUInt32LE(oldVersion.name, v.at + 8);
  }
  return elf;
}

function readSections(elf: Buffer): Section[] {
  const u64 = (at: number): number => Number(elf.readBigUInt64LE(at));
  const table = u64(0x28);
  const entryBytes = elf.readUInt16LE(0x3a);
  return Array.from({ length: elf.readUInt16LE(0x3c) }, (_, i) => {
    const at = table + i * entryBytes;
    return {
      type: elf.readUInt32LE(at + 4),
      offset: u64(at + 24),
      size: u64(at + 32),
      link: elf.readUInt32LE(at + 40),
      info: elf.readUInt32LE(at + 44),
    };
  });
}

function requireSection(sections: readonly Section[], type: number, what: string): Section {
  const section = sections.find((s) => s.type === type);
  if (section === undefined) throw new Error(`no section with the ${what}`);
  return section;
}

function findVersions(
  elf: Buffer,
  needs: Section,
  nameAt: (offset: number) => string,
): { oldVersion: OldVersion; newVersions: NewVersion[] } {
  const u32 = (at: number): number => elf.readUInt32LE(at);
  let oldVersion: OldVersion | undefined;
  const newVersions: NewVersion[] = [];
  for (let need = needs.offset, left = needs.info; left > 0; left--, need += u32(need + 12)) {
    if (nameAt(u32(need + 4)) !== "libc.so.6") continue;
    for (let aux = need + u32(need + 8), n = elf.readUInt16LE(need + 2); n > 0; n--, aux += u32(aux + 12)) {
      const version = nameAt(u32(aux + 8));
      const index = elf.readUInt16LE(aux + 6);
      if (version === OLD_VERSION) oldVersion = { hash: u32(aux), index, name: u32(aux + 8) };
      if (version === NEW_VERSION) newVersions.push({ at: aux, index });
    }
  }
  if (oldVersion === undefined) throw new Error(`no ${OLD_VERSION} version need found`);
  return { oldVersion, newVersions };
}
