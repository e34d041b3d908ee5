"""Complete run configurations, looked up by name; each is a function that returns a value."""

RECIPES = {
    "chat-tiny": "lineament.recipes.chat_tiny:chat_tiny",
    "draw-tiny-tokenizer": "lineament.recipes.draw_tiny:draw_tiny_tokenizer",
    "draw-tiny": "lineament.recipes.draw_tiny:draw_tiny",
    "smoke": "lineament.recipes.smoke:smoke",
    "favchat-full": "lineament.recipes.favchat_full:favchat_full",
    "favchat-by-figure": "lineament.recipes.favchat_full:favchat_by_figure",
    "favchat-by-readme": "lineament.recipes.favchat_full:favchat_by_readme",
    "favchat-control": "lineament.recipes.favchat_full:favchat_control",
    "favchat-qwen2.5-vl": "lineament.recipes.favchat_qwen:favchat_qwen25",
    "favchat-qwen2.5-vl-control": "lineament.recipes.favchat_qwen:favchat_qwen25_control",
    "favchat-qwen3-vl": "lineament.recipes.favchat_qwen:favchat_qwen3",
    "favchat-qwen3-vl-control": "lineament.recipes.favchat_qwen:favchat_qwen3_control",
    "unif2ace-full": "lineament.recipes.unif2ace_full:unif2ace_full",
    "unif2ace-control": "lineament.recipes.unif2ace_full:unif2ace_control",
    "llava-rs-full": "lineament.recipes.llava_rs:llava_rs_full",
    "llava-rs-lora": "lineament.recipes.llava_rs:llava_rs_lora",
    "llava-rs-moe-lora": "lineament.recipes.llava_rs:llava_rs_moe_lora",
    "scene-tiny": "lineament.recipes.scene_tiny:scene_tiny",
    "scene-tiny-lora": "lineament.recipes.scene_tiny:scene_tiny_lora",
    "scene-tiny-moe-lora": "lineament.recipes.scene_tiny:scene_tiny_moe_lora",
}
# What names in a recipe's data stand for: functions from a mix to its examples.
SOURCES = {
    "galleries": "lineament.training.chat_tiny_data:open_galleries",
    "faceless": "lineament.training.chat_tiny_data:open_faceless",
    "crowds": "lineament.training.chat_tiny_data:open_crowds",
    "portraits": "lineament.training.unified_examples:open_portraits",
    "drawings": "lineament.training.unified_examples:open_drawings",
    "asking": "lineament.training.unified_examples:open_asking",
    "built-drawings": "lineament.training.unified_built:open_built_drawings",
    "built-asking": "lineament.training.unified_built:open_built_asking",
    "scene-galleries": "lineament.training.scene_examples:open_scene_galleries",
    "rendered": "lineament.training.rendered:RenderedExamples",
}
