"""Complete run configurations, looked up by name; each is a function that returns a value."""

RECIPES = {
    "chat-tiny": "lineament.recipes.chat_tiny:chat_tiny",
    "smoke": "lineament.recipes.smoke:smoke",
    "favchat-full": "lineament.recipes.favchat_full:favchat_full",
    "favchat-by-figure": "lineament.recipes.favchat_full:favchat_by_figure",
    "favchat-by-readme": "lineament.recipes.favchat_full:favchat_by_readme",
    "favchat-control": "lineament.recipes.favchat_full:favchat_control",
    "llava-rs-full": "lineament.recipes.llava_rs:llava_rs_full",
    "llava-rs-lora": "lineament.recipes.llava_rs:llava_rs_lora",
    "llava-rs-moe-lora": "lineament.recipes.llava_rs:llava_rs_moe_lora",
}
# What names in a recipe's data stand for: functions from a mix to its examples.
SOURCES = {
    "galleries": "lineament.training.chat_tiny_data:open_galleries",
    "faceless": "lineament.training.chat_tiny_data:open_faceless",
    "rendered": "lineament.training.rendered:RenderedExamples",
}
