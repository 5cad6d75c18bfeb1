/* Every page loads this one; each behaviour attaches itself by data attributes and lives in its own module. */
import "lockstep/copy";
import "lockstep/countdown";
import "lockstep/dialog";
import "lockstep/focus";
import "lockstep/fresh";
import "lockstep/keys";
import "lockstep/live";
import "lockstep/notices";
import "lockstep/patch";
import "lockstep/stepper";
import "lockstep/theme";
import "lockstep/toast";
