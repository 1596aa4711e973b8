// The versions module (2.2.1, Versions): which versions there are, and where each one's endpoints are.
import type { OcpiCall, OcpiHandler } from "./call.ts";
import { servedVersions, type ServedVersion } from "./served.ts";

export const getVersions: OcpiHandler = (call) =>
  Promise.resolve({
    data: servedVersions.map(({ version }) => ({ version, url: `${call.services.partners.url}/ocpi/${version}` })),
  });

export const versionDetails =
  (served: ServedVersion): OcpiHandler =>
  (call) =>
    Promise.resolve({ data: { version: served.version, endpoints: endpointsOf(call, served) } });

function endpointsOf({ services }: OcpiCall, { version, modules }: ServedVersion): readonly object[] {
  return modules.map(({ identifier, role }) => ({
    identifier,
    role,
    url: `${services.partners.url}/ocpi/${version}/${identifier}`,
  }));
}
