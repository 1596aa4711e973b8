// What seeds have found and nobody has explained yet, by the rule that is broken: whether the product or the simulation is wrong is
// not known. A run of many seeds tells each of them and counts it as skipped; any other failure of such a seed is red, and
// so is its passing: then its line goes.
export const openFindings: ReadonlyMap<number, string> = new Map([
  // A node is presumed lost while its lease has 4.6 s to go; a gateway was frozen for 18 s before.
  [2865, "T3"],
  // A station still has its first connection in the log after the drain of every node.
  [3867, "I4"],
]);
