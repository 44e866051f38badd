// Package containment takes an account back: it applies a plan that a person has read, step by step, and can verify and
// undo it. The providers' own steps are in containment/workspace and containment/imap.
//
// The life of a step. A provider's planner looks at the account, changes nothing, and proposes steps with their target,
// reason, side effect and order; a person decides of each whether it is applied. Apply then looks at every target again
// and refuses the whole plan where one is not as it was ([StaleError] says what differs); hands all pre-images to
// Preserve, which seals them, with what a [Keeper] keeps whole; and only then begins. Before each call there is a line in the ledger and one in the journal,
// after it there are two more. A step that fails is written down, and the next one is taken. Steps of one stage run side
// by side; a stage begins when the one before it has ended.
//
// The ledger is a file of JSON lines beside the plan, each on the disk before the program goes on. A run that was killed
// is gone on with from it: what was done is not done again, and of a step that was begun the target says whether it was
// done.
//
// Verify looks again at what was taken. A provider may show a change only after a while ([Lagging]), or never ([ErrUnseen]), and
// what a step did may have to be looked for elsewhere than where it was planned ([Verifier]).
//
// Undo goes through the done steps backwards and puts back what the pre-images hold, where that is possible; what cannot
// come back wraps [ErrIrreversible].
//
// Nothing here knows a provider, a credential or a bundle. Who only collects need not read on.
package containment
