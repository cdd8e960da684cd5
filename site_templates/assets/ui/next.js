// After signing: which other epochs wait for signatures, as the site's own list says. Asked once at the start and
// whenever the approver presses the button; the next late week comes to review in the run that merges the one before.
import { button, make } from "./dom.js";

export class Others {
  #place;
  #found = [];

  constructor(place) {
    this.#place = place;
  }

  /** Read the list; what is wrong with it is thrown. */
  async look() {
    const { scope, epoch, base } = this.#place;
    const answer = await fetch(new URL("epochs.json", base), { cache: "no-store", credentials: "omit", redirect: "error" });
    if (!answer.ok) throw new Error(`epochs.json: ${answer.status}`);
    const { epochs } = await answer.json();
    this.#found = epochs.filter((one) => one.state === "review" && !(one.scope_id === scope && String(one.epoch_id) === epoch));
  }

  #links() {
    return this.#found.map(({ scope_id, epoch_id }) => {
      const page = new URL(`../../../sign/${encodeURIComponent(scope_id)}/${Number(epoch_id)}/`, this.#place.base);
      return make("li", {}, make("a", { href: page.href }, `Sign ${scope_id}/${epoch_id} next`));
    });
  }

  /** What to do once this epoch is signed. */
  view() {
    const links = this.#links();
    const section = make("section", { class: "ledger-next", "aria-live": "polite" });
    const again = button("Look for the next epoch", async () => {
      try {
        await this.look();
        section.replaceWith(this.view());
      } catch (error) {
        section.append(make("p", { class: "notice bad" }, `The list of epochs could not be read: ${error.message}`));
      }
    });
    if (links.length) section.append(make("ul", {}, ...links));
    else section.append(make("p", {}, "No other epoch waits for signatures. A late week comes to review as soon as the one before is merged, some minutes after its last signature."), make("p", {}, again));
    return section;
  }
}
