// Which addresses the outside may make us speak to. Everything that is not the public internet is refused: our own host,
// the network around it, link-local (where clouds keep credentials), and forms of IPv6 that lead to any of these.
import { BlockList, isIP } from "node:net";

const privateV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
] as const;

/** IPv4-mapped and -compatible, NAT64, discard, Teredo, documentation, 6to4, unique local, link-local, site-local, multicast. */
const privateV6 = [
  "::/96",
  "::ffff:0:0/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/32",
  "2001:db8::/32",
  "2002::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
] as const;

/** A list a family: Node takes an IPv4 address for its mapped form, which is refused as such. */
const refused = { ipv4: listOf(privateV4, "ipv4"), ipv6: listOf(privateV6, "ipv6") } as const;

function listOf(nets: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const net of nets) {
    const [address = "", bits = ""] = net.split("/");
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** @param address without brackets; a zone (`%eth0`) is link-local and refused. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return false;
  return family === 4 ? !refused.ipv4.check(address, "ipv4") : !refused.ipv6.check(address, "ipv6");
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

export function isLoopbackAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !address.includes("%") && loopback.check(address, family === 4 ? "ipv4" : "ipv6");
}
