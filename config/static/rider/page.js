/* Everything the rider's pages do by themselves; each behaviour lives in its own module. */
import "lockstep/rider/duty";
import "lockstep/rider/forward";
import "lockstep/rider/turns";
import "lockstep/rider/voice";
