// Distributed energy resources (2.1 R): the grid's rules that a station follows, which of them is in force, and its alarms.
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, listOf, textOf, type Fields } from "../payload.ts";
import { field, tellAll, tellNotices, tellPatches, type Done, type Report } from "./field.ts";
import { addPart, reportOf, type Assembly } from "./report-parts.ts";
import { timeOf } from "./report-time.ts";

/** What ClearDERControl chooses by. */
interface Control {
  readonly id: string;
  readonly type: string | null;
  readonly isDefault: boolean;
}

interface DerControls {
  readonly controls: readonly Control[];
  readonly reports: readonly Assembly[];
}

/** There are 22 types, each with a default and a few that are scheduled. */
const controlsRemembered = 256;

export const derControls = field<DerControls>({
  name: "derControls",
  initial: { controls: [], reports: [] },
  reports: { ReportDERControl: reported, NotifyDERStartStop: startedOrStopped, NotifyDERAlarm: alarm },
  results: { SetDERControl: set, ClearDERControl: cleared },
});

/** The member that holds what each type says; a curve names its type itself. */
const typeOfMember = {
  curve: null,
  enterService: "EnterService",
  fixedPFAbsorb: "FixedPFAbsorb",
  fixedPFInject: "FixedPFInject",
  fixedVar: "FixedVar",
  freqDroop: "FreqDroop",
  gradient: "Gradients",
  limitMaxDischarge: "LimitMaxDischarge",
} as const;
const members = Object.entries(typeOfMember);

function set(state: DerControls, { request, response, outcome }: Done, context: FoldContext): DerControls {
  if (outcome !== "accepted") return state;
  const id = textOf(request["controlId"]) ?? "";
  const type = textOf(request["controlType"]);
  const isDefault = request["isDefault"] === true;
  const [member = ""] = members.find(([name]) => request[name] !== undefined) ?? [];
  const control = fieldsOf(request[member]);
  supersede(listOf(response["supersededIds"]), context);
  return withControls(
    state,
    [
      [
        { id, type, isDefault },
        { control, isSuperseded: false },
      ],
    ],
    context,
  );
}

function withControls(
  state: DerControls,
  told: readonly (readonly [Control, { readonly control: Fields; readonly isSuperseded: boolean }])[],
  context: FoldContext,
): DerControls {
  tellPatches(
    context,
    "derControls",
    told.map(([{ id, type, isDefault }, rest]) => [id, { controlId: id, type, isDefault, ...rest }]),
  );
  const ids = new Set(told.map(([{ id }]) => id));
  const others = state.controls.filter(({ id }) => !ids.has(id));
  return { ...state, controls: [...others, ...told.map(([control]) => control)].slice(-controlsRemembered) };
}

function supersede(ids: readonly unknown[], context: FoldContext): void {
  const known = ids.map(textOf).filter((id) => id !== null);
  tellPatches(
    context,
    "derControls",
    known.map((id) => [id, { controlId: id, isSuperseded: true }]),
  );
}

/** By number, or by type; defaults and scheduled ones are cleared apart. */
function cleared(state: DerControls, { request, outcome }: Done, context: FoldContext): DerControls {
  if (outcome !== "accepted") return state;
  const id = textOf(request["controlId"]);
  const type = textOf(request["controlType"]);
  const isDefault = request["isDefault"] === true;
  const isMeant = (c: Control) =>
    id === null ? c.isDefault === isDefault && (type === null || c.type === type) : c.id === id;
  const gone = state.controls.filter(isMeant);
  tellAll(
    context,
    "derControls",
    gone.map((control) => [control.id, null]),
  );
  return { ...state, controls: state.controls.filter((control) => !isMeant(control)) };
}

/** In parts without a number; `tbc` says that more come. */
function reported(state: DerControls, { request }: Report, context: FoldContext): DerControls {
  const told = members.flatMap(([member, type]) =>
    listOf(request[member]).map((item) => {
      const of = fieldsOf(item);
      const id = textOf(of["id"]) ?? "";
      // Both directions of a fixed power factor are a `fixedPF`.
      const control = fieldsOf(of[member] ?? of["fixedPF"]);
      const isDefault = of["isDefault"] === true;
      const about = { id, type: type ?? textOf(of["curveType"]), isDefault };
      return [about, { control, isSuperseded: of["isSuperseded"] === true }] as const;
    }),
  );
  const after = withControls(state, told, context);
  const { assemblies, assembly } = addPart(state.reports, request, told.length);
  tellAll(context, "reports", [reportOf("derControls", assembly, context)]);
  return { ...after, reports: assemblies };
}

function startedOrStopped(state: DerControls, { request }: Report, context: FoldContext): DerControls {
  const id = textOf(request["controlId"]) ?? "";
  const changedAt = timeOf(request["timestamp"], context);
  supersede(listOf(request["supersededIds"]), context);
  tellPatches(context, "derControls", [[id, { controlId: id, started: request["started"] === true, changedAt }]]);
  return state;
}

function alarm(state: DerControls, { request }: Report, context: FoldContext): DerControls {
  const type = textOf(request["controlType"]);
  const fault = textOf(request["gridEventFault"]);
  const ended = request["alarmEnded"] === true;
  const at = timeOf(request["timestamp"], context);
  tellNotices(context, "derAlarms", [{ type, fault, ended, at, extraInfo: textOf(request["extraInfo"]) }]);
  return state;
}
