// Where the line to the server ends on the page; what it does is in ../common/line.js.

import { line } from "../bnviz.common/line.js";

export default function ({ parentElement, setTriggerValue }) {
  if (!parentElement.querySelector("[data-line]")) {
    const place = document.createElement("span");
    place.setAttribute("data-line", "");
    place.hidden = true;
    parentElement.append(place);
  }
  line.post = (event) => setTriggerValue("back", event);
}
