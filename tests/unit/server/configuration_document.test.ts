/** docs/configuration.md knows every parameter, with its default. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { ServerConfiguration } from "../../../src/server/configuration.ts";
import { fixedParameters } from "../../../src/server/fixed_parameters.ts";
import { ServerSettings } from "../../../src/server/settings.ts";

const document = fromFileUrl(new URL("../../../docs/configuration.md", import.meta.url));
/** Their defaults are absolute paths. */
const paths = ["dir", "unixsocket"];

/** The rows of the table under a heading: the names, and what is said to be their value. */
async function table(heading: string): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(document);
  const section = text.split(`\n## ${heading}\n`)[1].split("\n## ")[0];
  const rows = section.matchAll(/^\| `([a-z-]+)` +\| (.*?) +\|/gm);
  return new Map([...rows].map(([, name, value]) => [name, value.replaceAll("`", "")]));
}

Deno.test("docs/configuration.md has every parameter and its default", async () => {
  const configuration = new ServerConfiguration(new ServerSettings());
  const rows = new Map([...await table("Parameters"), ...await table("Parameters with one value")]);
  assertEquals([...rows.keys()].sort(), configuration.names());
  for (const [name, value] of rows) {
    if (paths.includes(name)) continue;
    assertEquals(value === "empty" ? "" : value, configuration.get(name), name);
  }
});

Deno.test("docs/configuration.md has in its second table what cannot be changed", async () => {
  const fixed = Object.keys(fixedParameters());
  assertEquals([...(await table("Parameters with one value")).keys()], fixed);
});
