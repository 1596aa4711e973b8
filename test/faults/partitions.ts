/** Of `ocpp.frames`, in the world of the fault matrix. */
export const partitions = 6;
