// What seeds have found and nobody has explained yet, by the rule that is broken: whether the product or the simulation is wrong is
// not known. A run of many seeds tells each of them and counts it as skipped; any other failure of such a seed is red, and
// so is its passing: then its line goes.
export const openFindings: ReadonlyMap<number, string> = new Map([]);
