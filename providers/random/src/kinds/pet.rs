//! `random_pet`: a name that people can say.

use super::schema;
use crate::draw::Draw;
use formwork_sdk::values::{Findings, Seed, ValueKind, fill, text, whole_number};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_pet" "cluster" {
  prefix = "ml"
}
"#;

const ADVERBS: &str = "always barely boldly briefly brightly calmly clearly closely coolly daily deeply early easily evenly fairly \
    firmly fondly freely freshly gently gladly gravely greatly hardly highly hugely humbly ideally jointly jolly justly keenly kindly \
    largely lately lightly likely lively loosely loudly mainly mildly mostly neatly newly nicely oddly only openly partly plainly \
    proudly purely quickly quietly rarely readily really richly rightly safely seldom sharply shortly simply slightly slowly smartly \
    smoothly softly solely soon steadily strongly surely sweetly swiftly truly usually vastly warmly weekly wholly wildly wisely yearly";
const ADJECTIVES: &str = "able active agile alert alive amber ample apt arid basic bold brave brief bright brisk broad busy calm \
    careful central clean clear clever close cool coral crisp curious daring deep direct eager early earnest easy equal even exact \
    fair famous fancy fast fine firm fit fleet fond frank free fresh full gentle giant glad golden good grand great green handy happy \
    hardy honest humble ideal jolly just keen kind large light live lively logical loyal lucky magic major mellow merry mighty modest \
    native neat new nimble noble novel open patient plain polite prime proper proud pure quick quiet rapid rare ready regular rich \
    robust round royal safe sharp shiny silent simple sincere skilled smart smooth social solid sound stable steady still strong sunny \
    sure sweet swift tender tidy top true trusty upright useful valid vast vital vivid warm whole wide willing wise witty young";
const NAMES: &str = "adder albatross alpaca anchovy ant antelope ape badger barnacle bass bat bear beaver bee beetle bird bison boa \
    boar bobcat bream buck buffalo bull camel caribou carp cat catfish cheetah chicken chipmunk clam cobra cod collie colt condor coral \
    corgi cougar cow crab crane crawfish cricket crow deer dingo dodo dog dolphin donkey dove dragon drake duck eagle earwig eel egret \
    elephant elk emu falcon fawn ferret finch firefly fish flamingo fly foal fowl fox frog gazelle gecko gibbon giraffe gnat gnu goat \
    goose gopher gorilla goshawk grackle grouse gull guppy hagfish halibut hamster hare hawk hedgehog hen heron herring hippo hornet \
    horse hound ibex iguana impala insect jackal jaguar jay kangaroo katydid kid kingfisher kite kitten kiwi koala koi lamb lark lemming \
    lemur leopard lion lizard llama lobster longhorn louse lynx macaque macaw magpie mako mallard mammoth man marlin marmoset marmot \
    marten martin mastiff mink minnow mole mollusk mongoose monitor monkey moose moray mosquito moth mouse mule muskrat mustang newt \
    octopus opossum orca oriole osprey ostrich otter owl ox oyster panda panther parakeet parrot peacock pelican penguin perch pheasant \
    phoenix pig pigeon pika piranha platypus polecat pony poodle porpoise possum prawn puma python quail rabbit raccoon ram rat raven \
    ray redbird redfish robin rooster sailfish salmon sawfish scorpion seagull seahorse seal shark sheep shepherd shiner shrew shrimp \
    skink skunk skylark sloth slug snail snake snapper snipe sole spaniel sparrow spider sponge squid squirrel stag stallion starfish \
    starling stingray stork stud sturgeon sunbird sunfish swan swift tahr tapir tarpon teal termite terrapin terrier tetra thrush tick \
    tiger toad tortoise toucan treefrog troll trout tuna turkey turtle unicorn urchin vervet viper vulture wahoo wallaby walleye walrus \
    warthog wasp weasel weevil whale whippet wolf wombat woodcock worm wren yak zebra";

const LENGTH_MAX: i64 = 1_000;

pub(super) struct Pet;

impl ValueKind for Pet {
    fn name(&self) -> &'static str {
        "random_pet"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("length", Attribute::with_default(Type::Number, 2, "How many words.").replaces()),
            ("prefix", Attribute::optional(Type::String, "Stands before the words.").replaces()),
            ("separator", Attribute::with_default(Type::String, "-", "Stands between words.").replaces()),
            ("id", Attribute::computed(Type::String, "The name.")),
        ];
        schema(attributes, "A name that people can say; no secret.", EXAMPLE)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        found.check_number(configuration, "length", 1, LENGTH_MAX);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let mut draw = Draw::new(seed);
        let length = whole_number(planned, "length").unwrap_or(2);
        let mut words: Vec<&str> = text(planned, "prefix").into_iter().collect();
        for left in (1..=length).rev() {
            let list = match left {
                1 => NAMES,
                2 => ADJECTIVES,
                _ => ADVERBS,
            };
            words.extend(draw.pick(&list.split_whitespace().collect::<Vec<_>>()));
        }
        let separator = text(planned, "separator").unwrap_or("-");
        Ok(fill(planned, &[("id", words.join(separator).into())]))
    }
}
