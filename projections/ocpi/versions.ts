// The versions module: which versions there are (for a partner that is held to one, that one), and where each one's endpoints
// are.
import type { OcpiCall, OcpiHandler } from "./call.ts";
import { servedVersions, type ServedVersion } from "./served.ts";
import { versionsFor } from "./versions/version.ts";

export const getVersions: OcpiHandler = (call) =>
  Promise.resolve({
    data: servedVersions
      .filter(({ version }) => versionsFor(call.partner.doc).includes(version))
      .map(({ version }) => ({ version, url: `${call.services.partners.url}/ocpi/${version}` })),
  });

export const versionDetails =
  (served: ServedVersion): OcpiHandler =>
  (call) =>
    Promise.resolve({ data: { version: served.version, endpoints: endpointsOf(call, served) } });

function endpointsOf({ services }: OcpiCall, { version, modules }: ServedVersion): readonly object[] {
  return modules.map(({ identifier, role }) => ({
    identifier,
    // 2.1.1 has none: an address is for whoever is given it.
    ...(version === "2.1.1" ? {} : { role }),
    url: `${services.partners.url}/ocpi/${version}/${identifier}`,
  }));
}
