// What a process of returning stations is asked, and what it says: returning-stations.ts.

export interface StationsOptions {
  readonly url: string;
  readonly ids: readonly string[];
  readonly password: string;
  /** Places in `ids` of those that show another one. */
  readonly wrong: readonly number[];
}

export interface Returned {
  /** Until the last of those with the right password was served, or had given up. */
  readonly seconds: number;
  /** Of each station with the right password: upgrades that it asked for until it was served, or gave up. */
  readonly attempts: readonly number[];
  /** Of those, connected and answered at the end. */
  readonly back: number;
  /** Of these: status of each upgrade that was refused; 0: lost without one. */
  readonly goodRefusals: readonly number[];
  /** Stations with a wrong password that were let in. */
  readonly wrongLetIn: number;
  readonly accepted: number;
  /** The same of all stations. */
  readonly refusals: readonly number[];
}

export interface ReturningStations {
  begin(options: StationsOptions): Promise<void>;
  /** Cuts all that are connected and lets all of them come back at once; resolves when each is served or has given up. */
  comeBack(): Promise<Returned>;
}
