/* [data-focus] takes the focus when it arrives: the summary of a refused form, whose links lead to the fields. */
import { onArrival } from "lockstep/arrivals";

onArrival("[data-focus]", (element) => element.focus());
