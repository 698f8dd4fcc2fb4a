/** A small model that is real: a classifier of shop messages, trained on these few rows in some milliseconds. */
import { trainClassifier } from "tierwise/embedded";

export const topics = ["delivery", "product", "refund"] as const;

const rows: Readonly<Record<(typeof topics)[number], readonly string[]>> = {
  delivery: [
    ...["my parcel has not arrived", "where is my parcel", "the delivery is late", "the courier never came"],
    ...["tracking says delivered but there is no parcel", "when will my order be delivered"],
    ...["the parcel went to my old address", "delivery was planned for monday"],
  ],
  product: [
    ...["the lamp does not light up", "the cup arrived broken", "does the lamp need a bulb", "the lamp flickers"],
    ...["which size is the large cup", "the handle of the cup came off"],
    ...["is the lamp waterproof", "can the cup go in the dishwasher"],
  ],
  refund: [
    ...["I want my money back", "please refund my order", "where is my refund", "refund the second payment"],
    ...["you charged me twice, give the money back", "I returned the lamp and want a refund"],
    ...["cancel the order and refund me", "my money has not come back yet"],
  ],
};

export const intents = trainClassifier(topics.flatMap((label) => rows[label].map((text) => ({ text, label }))));
