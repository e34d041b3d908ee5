"""Sentences about scenes in many orders of words, each with the verdict that it must get."""

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims.scenes_check import check_scene_text
from lineament.claims.scenes_read import read_scene_answer, read_scene_claims
from lineament.claims.scenes_say import say_scene_claim

LISTED = (
    "ship", "vehicle", "bridge", "building", "storage_tank", "airplane", "soccer_field",
    "tennis_court", "basketball_court",
)  # fmt: skip


def thing(name, x, y, color="", size=(0.06, 0.04), meters=None):
    return name, (x, y, x + size[0], y + size[1]), color, meters


def scene(*things):
    facts = [Fact("listed_class", name, subject="clip") for name in LISTED]
    for number, (name, box, color, meters) in enumerate(things):
        subject = f"object {number}"
        facts.append(Fact("object_class", name, subject=subject, region=box))
        facts += [Fact("object_color", color, subject=subject)] if color else []
        facts += [Fact("length_meters", meters, subject=subject)] if meters else []
    subjects = tuple(Subject(f"object {number}", "object") for number in range(len(things)))
    return Annotation("a.png", subjects, tuple(facts), frozenset(("water", "trees", "grass")))


TOWN = scene(
    thing("vehicle", 0.05, 0.05, "gray"),
    thing("vehicle", 0.80, 0.10, "gray"),
    thing("vehicle", 0.10, 0.80, "red"),
    thing("vehicle", 0.50, 0.90, "black"),
    thing("building", 0.75, 0.70, "red", (0.15, 0.15), 20.0),
    thing("soccer_field", 0.30, 0.30, "green", (0.30, 0.20), 94.0),
)
# Five ships: three white, one red, one blue. Three tanks: two white, one gray. Nothing lies inside
# anything else, and of the basketball courts no colour is known.
HARBOUR = scene(
    thing("ship", 0.05, 0.05, "white", meters=30.0),
    thing("ship", 0.20, 0.10, "white"),
    thing("ship", 0.10, 0.80, "white"),
    thing("ship", 0.80, 0.10, "red"),
    thing("ship", 0.90, 0.30, "blue"),
    thing("storage_tank", 0.50, 0.90, "white"),
    thing("storage_tank", 0.60, 0.90, "white"),
    thing("storage_tank", 0.70, 0.92, "gray"),
    thing("tennis_court", 0.30, 0.30, "green", (0.10, 0.20), 24.0),
    thing("basketball_court", 0.45, 0.30, size=(0.05, 0.10)),
    thing("basketball_court", 0.55, 0.30, size=(0.05, 0.10)),
    thing("building", 0.75, 0.65, "red", (0.15, 0.15), 20.0),
)

# The form in which each was once read wrongly.
TOWN_SENTENCES = (
    ("contradicted", "There are no more than three vehicles."),
    ("contradicted", "There are no fewer than ten vehicles."),
    ("supported", "There are no more than ten vehicles."),
    ("contradicted", "There is no red or black vehicle."),
    ("supported", "No ships or airplanes are visible."),
    ("supported", "There are no blue or green vehicles."),
    ("supported", "One of the vehicles is red."),
    ("supported", "Two of the vehicles are gray."),
    ("supported", "Some of the vehicles are gray."),
    ("supported", "Half of the vehicles are gray."),
    ("supported", "None of the vehicles is blue."),
    ("supported", "Gray and black vehicles can be seen."),
    ("supported", "The vehicles are gray, red and black."),
    ("supported", "There are two gray vehicles and a black one."),
    ("not contradicted", "The soccer field is 94 meters long and 65 meters wide."),
    ("unknown", "The building lies 20 meters from the soccer field."),
    ("contradicted", "The building is in the soccer field."),
)
# Bounds, denials, shares, colours, measures, and what lies in what.
HARBOUR_SENTENCES = (
    ("supported", "There are no more than six ships."),
    ("contradicted", "There are no more than four ships."),
    ("supported", "There are no more than five ships."),
    ("supported", "There are no fewer than five ships."),
    ("contradicted", "There are no fewer than six ships."),
    ("supported", "There are no less than three storage tanks."),
    ("contradicted", "There are at most two storage tanks."),
    ("supported", "There are at most 3 storage tanks."),
    ("supported", "No more than two white tanks can be seen."),
    ("supported", "No more than 1 tennis court is visible."),
    ("contradicted", "There are not more than four ships."),
    ("supported", "There are not fewer than four ships."),
    ("contradicted", "At most two ships are white."),
    ("supported", "No more than three ships are white."),
    ("contradicted", "There is no more than one basketball court."),
    ("supported", "There are less than six ships."),
    ("contradicted", "There are more than five ships."),
    ("contradicted", "There is no blue or white ship."),
    ("supported", "There are no gray or black ships."),
    ("supported", "No vehicles or airplanes are visible."),
    ("supported", "There are no airplanes, vehicles or bridges."),
    ("contradicted", "There are no airplanes or ships."),
    ("not contradicted", "There are neither vehicles nor airplanes."),
    ("not supported", "There are neither vehicles nor ships."),
    ("supported", "No green or yellow tanks can be seen."),
    ("contradicted", "There is no gray or yellow storage tank."),
    ("supported", "No vehicle and no airplane is visible."),
    ("contradicted", "There are no ships and no vehicles."),
    ("contradicted", "There are no red ships or white tanks."),
    ("supported", "There are no black ships or green tanks."),
    ("supported", "One of the ships is red."),
    ("contradicted", "One of the ships is black."),
    ("supported", "Three of the ships are white."),
    ("contradicted", "Four of the ships are white."),
    ("supported", "Some of the ships are white."),
    ("contradicted", "Some of the ships are green."),
    ("supported", "None of the ships is black."),
    ("contradicted", "None of the ships are red."),
    ("not supported", "Half of the ships are blue."),
    ("not contradicted", "Most of the ships are white."),
    ("contradicted", "All of the ships are white."),
    ("not contradicted", "Not all of the ships are white."),
    ("not contradicted", "Not all ships are white."),
    ("not contradicted", "Two of the storage tanks are white and one is gray."),
    ("supported", "At least two of the ships are white."),
    ("contradicted", "At most two of the ships are white."),
    ("contradicted", "Each of the ships is white."),
    ("not contradicted", "Only one of the ships is red."),
    ("supported", "White and red ships can be seen."),
    ("contradicted", "White and green ships can be seen."),
    ("supported", "The ships are white, red and blue."),
    ("contradicted", "The ships are white, red and green."),
    ("supported", "There are three white ships and a red one."),
    ("contradicted", "There are two white tanks and a black one."),
    ("supported", "There is one gray storage tank and two white ones."),
    ("supported", "There are red, white and blue ships."),
    ("supported", "White, red and blue ships are visible."),
    ("supported", "A red ship and a blue one are visible."),
    ("not contradicted", "The tanks are white or gray."),
    ("not contradicted", "The tennis court is 24 meters long and 11 meters wide."),
    ("unknown", "The building is 5 meters wide."),
    ("unknown", "The ship lies 20 meters from the building."),
    ("unknown", "The ship is 20 meters away from the tennis court."),
    ("unknown", "The tanks stand 15 meters apart."),
    ("unknown", "The building is 12 meters tall."),
    ("unknown", "The distance between the building and the ship is 40 meters."),
    ("contradicted", "The building is in the tennis court."),
    ("contradicted", "There is a ship in the building."),
    ("not supported", "There are three ships in the tennis court."),
    ("not supported", "The building contains a ship."),
    ("supported", "There are five ships in the picture."),
    ("supported", "In the image there are five ships."),
)
# The same in other orders, and what must not be taken for more than it says.
HARD_SENTENCES = (
    ("supported", "There aren't more than five ships."),
    ("contradicted", "There aren't more than four ships."),
    ("supported", "There aren't six ships."),
    ("contradicted", "There aren't five ships."),
    ("not supported", "There are not many ships."),
    ("supported", "There are two to six ships."),
    ("contradicted", "There are six to nine ships."),
    ("supported", "There are five or six ships."),
    ("supported", "There are between four and seven ships."),
    ("contradicted", "There are six or more ships."),
    ("supported", "There are five or fewer ships."),
    ("supported", "There are up to nine ships."),
    ("contradicted", "There isn't a single ship."),
    ("supported", "There isn't a single airplane."),
    ("supported", "There aren't any airplanes or vehicles."),
    ("contradicted", "There aren't any airplanes or ships."),
    ("supported", "Airplanes and vehicles are not visible."),
    ("contradicted", "Ships cannot be seen."),
    ("supported", "Airplanes cannot be seen."),
    ("supported", "There is no water or grass."),
    ("supported", "No trees, grass or water can be seen."),
    ("not supported", "There are no moored ships."),
    ("not contradicted", "There are no other ships."),
    ("not supported", "Hardly any ships are visible."),
    ("not contradicted", "There are no ships other than five small ones."),
    ("supported", "All five ships lie here."),
    ("contradicted", "All six ships are white."),
    ("supported", "One of the ships is red and three are white."),
    ("contradicted", "One of the ships is red and four are white."),
    ("not contradicted", "Three ships are white, one is red and one is blue."),
    ("contradicted", "Three ships are white, two are red."),
    ("supported", "Of the five ships, three are white."),
    ("contradicted", "Of the five ships, four are white."),
    ("not contradicted", "Most ships are white."),
    ("contradicted", "Most of the ships are red."),
    ("not supported", "Half of the ships are white."),
    ("unknown", "A third of the storage tanks are gray."),
    ("unknown", "About half of the ships are white."),
    ("contradicted", "More than half of the ships are red."),
    ("not contradicted", "Two ships are not white."),
    ("contradicted", "Not one of the ships is red."),
    ("supported", "Not one of the ships is black."),
    ("not contradicted", "The ships are not all white."),
    ("contradicted", "The storage tanks are not white."),
    ("contradicted", "The ships are not red, black or green."),
    ("supported", "The ships are not black, green or yellow."),
    ("supported", "The ships are neither black nor green."),
    ("contradicted", "The ships are neither black nor red."),
    ("not contradicted", "The ships are mostly white."),
    ("contradicted", "The ships are mostly red."),
    ("not supported", "Ships or airplanes can be seen."),
    ("not contradicted", "Airplanes or ships can be seen."),
    ("supported", "There are red, white and blue ships and a building."),
    ("contradicted", "There are black and white ships."),
    ("contradicted", "There are three white ships and a black one."),
    ("supported", "There are three white ships and no black ones."),
    ("contradicted", "There are two gray storage tanks and a white one."),
    ("supported", "Among the tanks are two white ones and a gray one."),
    ("unknown", "The tennis court is 11 meters wide."),
    ("contradicted", "The tennis court is 60 meters long and 11 meters wide."),
    ("not contradicted", "The tennis court is less than 60 meters long."),
    ("contradicted", "The tennis court is more than 60 meters long."),
    ("supported", "The tennis court is between 20 and 30 meters long."),
    ("not contradicted", "The width of the tennis court is 11 meters."),
    ("supported", "The length of the tennis court is 24 meters."),
    ("contradicted", "The length of the tennis court is 50 meters."),
    ("not contradicted", "The building stands 50 meters to the right of the tennis court."),
    ("not contradicted", "The tennis court measures 24 by 11 meters."),
    ("not contradicted", "The tennis court is 24 m by 11 m."),
    ("contradicted", "The ship is in the building."),
    ("contradicted", "Two ships lie in the building."),
    ("contradicted", "The building contains two ships."),
    ("supported", "The tennis court contains no ship."),
    ("supported", "The building does not contain any ships."),
    ("not supported", "The building has three ships."),
    ("contradicted", "The building has nine ships."),
    ("not supported", "The tennis court with the ship is green."),
    ("unknown", "The ship is between the building and the tennis court."),
    ("unknown", "The ship is behind the building."),
    ("contradicted", "The storage tank is near the tennis court."),
    ("supported", "The storage tank is far from the tennis court."),
    ("supported", "The building is not in the tennis court."),
    ("supported", "The building is outside the tennis court."),
    ("not contradicted", "The ships in the top left are white."),
    ("supported", "The building on the right side is red."),
    ("contradicted", "The building on the left side is red."),
    ("supported", "No ship is in the building."),
    ("supported", "None of the ships is inside the building."),
    ("contradicted", "All of the ships are in the building."),
    ("supported", "There are no ships in the building."),
    ("not supported", "In the building there are two ships."),
    ("not contradicted", "The ship in the middle of the tennis court is red."),
    ("supported", "At least three of the ships are white."),
    ("supported", "Exactly three ships are white."),
    ("supported", "There are exactly three white ships."),
    ("supported", "There are three white ships, one red ship and one blue ship."),
    ("supported", "There are no more than two basketball courts and one building."),
    ("contradicted", "There are no more than two basketball courts and two buildings."),
    ("not contradicted", "The other ships are white."),
    ("contradicted", "No ship is about 30 meters long."),
    ("not contradicted", "No ship is about 80 meters long."),
    ("supported", "Neither airplanes nor vehicles can be seen."),
    ("supported", "There are 5 ships, but no airplanes."),
    ("supported", "It shows five ships, none of which is black."),
    ("contradicted", "It shows five ships, none of which is red."),
    ("supported", "One ship is red, the others are not."),
    ("not contradicted", "The picture shows ships that are not white."),
    ("supported", "There are no ships that are black."),
    ("contradicted", "There are no ships that are red."),
    ("supported", "No black ships and no green ships are visible."),
    ("contradicted", "White ships, red ones and a blue one can be seen."),
    ("contradicted", "A red ship, a white one and a black one can be seen."),
    ("supported", "Three ships are white and two are not."),
    ("supported", "Ships, tanks and a building can be seen."),
    ("contradicted", "Ships, tanks and a bridge can be seen."),
    ("supported", "There are at least four but no more than six ships."),
    ("supported", "There are more than two and fewer than nine ships."),
    ("not contradicted", "The ships are white or colored."),
    ("contradicted", "The ship is white and red tanks are near it."),
    ("contradicted", "There is a lack of ships."),
    ("supported", "There is a lack of airplanes."),
    ("supported", "The scene is free of vehicles."),
    ("not contradicted", "The storage tanks with ladders are white."),
    ("unknown", "The ships at the tennis court are red."),
    ("supported", "There are 3 white, 1 red and 1 blue ships."),
    ("contradicted", "There are 4 white, 1 red and 1 blue ships."),
    ("not contradicted", "There are no two ships alike."),
    ("not contradicted", "All but two ships are white."),
    ("supported", "The leftmost of the ships is white."),
)


def find_verdict(text, annotation):
    """Return the worst verdict of a text; unknown where nothing is read."""
    verdicts = {row.verdict for row in check_scene_text(text, annotation).claims}
    worst = (v for v in ("contradicted", "unknown", "supported") if v in verdicts)
    return next(worst, "unknown")


@pytest.mark.parametrize(("verdict", "text"), TOWN_SENTENCES)
def test_a_sentence_about_the_town_gets_its_verdict(verdict, text):
    assert is_as_said(find_verdict(text, TOWN), verdict)


@pytest.mark.parametrize(("verdict", "text"), HARBOUR_SENTENCES + HARD_SENTENCES)
def test_a_sentence_about_the_harbour_gets_its_verdict(verdict, text):
    assert is_as_said(find_verdict(text, HARBOUR), verdict)


def is_as_said(found, verdict):
    """Say whether a verdict is the one told, or is not the one that is ruled out."""
    return found != verdict.removeprefix("not ") if verdict.startswith("not ") else found == verdict


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("There are no more than three vehicles.", [("object_count", (None, 4), "vehicle")]),
        ("There are no fewer than ten vehicles.", [("object_count", (10, None), "vehicle")]),
        ("There aren't more than four ships.", [("object_count", (None, 5), "ship")]),
        ("There are two or three ships.", [("object_count", (2, 4), "ship")]),
        ("There is no red or black ship.",
         [("object_count", (0, 1), "red ship"), ("object_count", (0, 1), "black ship")]),
        ("No ships, airplanes or bridges are visible.",
         [("object_count", (0, 1), name) for name in ("ship", "airplane", "bridge")]),
        ("None of the ships is blue.", [("object_count", (0, 1), "blue ship")]),
        ("One of the ships is red.", [("object_count", (1, None), "red ship")]),
        ("Gray and black ships can be seen.",
         [("object_count", (1, None), "gray ship"), ("object_count", (1, None), "black ship")]),
        ("There are three red and white ships.",
         [("object_count", (3, 4), "red/white ship"), ("object_count", (1, None), "red ship"),
          ("object_count", (1, None), "white ship")]),
        ("There are two gray ships and a black one.",
         [("object_count", (2, 3), "gray ship"), ("object_count", (1, None), "black ship")]),
        ("The soccer field contains two ships.",
         [("object_count", (1, None), "soccer_field"),
          ("object_count", (2, 3), "inside:soccer_field ship")]),
        ("The ship is 20 meters wide.",
         [("object_count", (1, None), "ship"), ("width_meters", (18.0, 22.0), "ship")]),
        ("No ship is 20 meters long.", [("length_meters", (18.0, 22.0), "ship")]),
    ],
)  # fmt: skip
def test_what_a_sentence_claims_is_what_it_says(text, claims):
    assert [(c.name, c.value, c.subject) for c in read_scene_claims(text)] == claims


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("There are no more than three ships.", ["fewer than 4 ships"]),
        ("Half of the ships are white.", ["at least 1 ship", "half of the ships are white"]),
        ("The ships are white or red.", ["at least 1 ship", "all ships are white or red"]),
        ("The ship is 20 meters wide.", ["at least 1 ship", "the ship is 18 to 22 meters wide"]),
        ("The ship is less than 20 meters long.",
         ["at least 1 ship", "the ship is at most 20 meters long"]),
        ("The ship is behind the bridge.",
         ["at least 1 ship", "the ship is in some relation to a bridge"]),
    ],
)  # fmt: skip
def test_what_was_read_is_said_in_words(text, said):
    assert [say_scene_claim(claim) for claim in read_scene_claims(text)] == said


def test_no_to_two_things_at_once_denies_neither():
    assert read_scene_answer("Is there a ship and an airplane?", "No.") == ()
    (claim,) = read_scene_answer("Is there a ship and an airplane?", "No, there are no airplanes.")
    assert (claim.subject, claim.value) == ("airplane", (0, 1))


def test_a_word_that_is_not_known_is_not_left_out_of_a_denial():
    for text in ("There are no moored ships.", "There are no other ships.", "Hardly any ships."):
        verdicts = {row.verdict for row in check_scene_text(text, HARBOUR).claims}
        assert verdicts <= {"unknown"}, text
