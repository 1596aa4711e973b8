// libxml2 looks at a publication: whether it is well-formed, and whether it keeps to the profile beside this file.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { validateXML } from "xmllint-wasm";

const folder = fileURLToPath(new URL("./profile/", import.meta.url));
const entry = "d2Payload.xsd";
const files = readdirSync(folder).map((fileName) => ({ fileName, contents: readFileSync(folder + fileName, "utf8") }));

/** @returns what libxml2 says is wrong; none: it is valid. */
export async function faultsOf(xml: string): Promise<readonly string[]> {
  const { valid, errors } = await validateXML({
    xml: [{ fileName: "publication.xml", contents: xml }],
    schema: files.filter(({ fileName }) => fileName === entry),
    preload: files.filter(({ fileName }) => fileName !== entry),
  });
  const said = errors.map(({ rawMessage }) => rawMessage);
  return valid || said.length > 0 ? said : ["it is not valid, and libxml2 does not say why"];
}
